"""What other tools call the metrics that we know: for suggestions, and to see percent where a share was meant."""

import re

from ml_cicd.gate.metric import Direction

# Each first one is ours, or would be: tables have no scores, so an area under a curve comes from a file alone.
SAME = (
    ("accuracy", "acc", "accuracy_score", "balanced_accuracy", "categorical_accuracy", "acc_norm", "top1"),
    ("precision", "prec", "precision_score", "ppv"),
    ("recall", "recall_score", "sensitivity", "tpr", "hit_rate"),
    ("f1_score", "f1", "f1-score", "fscore", "f_score", "f1score"),
    ("roc_auc", "auc", "auroc", "roc_auc_score", "auc_roc"),
    ("exact_match", "em"),
    ("pass_rate", "success_rate", "passed"),
    ("mAP50", "map50", "map_50"),
    ("mAP50-95", "map50-95", "map"),
    ("latency_p50_ms", "p50", "latency_p50", "median_latency_ms"),
    ("latency_p95_ms", "p95", "latency_p95"),
    ("latency_p99_ms", "p99", "latency_p99"),
)
# Names within names, `eval_f1_macro` and `top5`: what is called so is never above 1, unless it is in percent.
OF_A_SHARE = re.compile(
    r"(?<![a-z])(?:acc|accuracy|prec|precision|recall|f(?=\d)|f_?score|m?ap|m?ar|auc|auroc|auprc|roc|exact_?match|em|exact"
    r"|top(?=[_-]?\d)|m?iou|mean_?iou|dice|jaccard|ndcg|mrr|hits?_?(?:rate|@)|rouge|rouge_?l(?:sum)?|bleu|sacrebleu|chrf|meteor"
    r"|sensitivity|specificity|ppv|npv|tpr|tnr|(?:pass|success|win|solve)_?(?:rate|@)|mcc|kappa|correlation|r2)(?![a-z])"
)
# The same of what should be low. A word error rate may be above 1, and `errors` are counted.
OF_A_LOW_SHARE = re.compile(
    r"(?<![a-z])(?:(?<!word_)(?<!char_)(?<!character_)(?<!token_)(?:error|err)_?rate"
    r"|(?:fail|failure|miss|misclassification|refusal|hallucination|toxicity|violation|timeout|fallback)_?rate"
    r"|false_?(?:positive|negative|alarm|discovery|omission|acceptance|rejection)_?rate"
    r"|fpr|fnr|fdr|eer|fall_?out|hamming_?loss|zero_one_loss)(?![a-z])"
)
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])")
LOWER = re.compile(
    r"(?:^|[_ -])(?:loss|errors?|err|failures?|latency|runtime|duration|ms|perplexity|ppl|mae|mse|rmse|mape|wer|cer"
    r"|brier|skipped|p\d\d)(?:$|[_ -])"
)
OF_A_SPLIT = re.compile(r"^(eval|evaluation|test|val|valid|validation|dev|predict|train|training|metrics?)[_/ ]")
ABOUT_IT = re.compile(r",.*$|\([A-Z]\)$")  # lm-evaluation-harness's filter, YOLO's kind of box
KNOWN = {other.lower(): names[0] for names in SAME for other in names}


def meaning(name: str) -> str:
    """Return what a name says in our words, whatever stands around it: `test/acc` is accuracy."""
    last = ABOUT_IT.sub("", re.split(r"[./](?=[^./])", ABOUT_IT.sub("", name))[-1]).strip()
    bare = OF_A_SPLIT.sub("", last.lower())
    return KNOWN.get(bare, KNOWN.get(last.lower(), bare))


def is_share(name: str, direction: Direction = Direction.HIGHER) -> bool:
    """Whether the name, or a word of its last part, is one of a share, which is never above 1."""
    known = OF_A_SHARE if direction is Direction.HIGHER else OF_A_LOW_SHARE
    last = re.split(r"[./](?=[^./])", name)[-1]
    return any(known.search(spelt.lower()) for spelt in (last, CAMEL.sub("_", last)))


def direction_of(name: str) -> Direction:
    """Return which way is probably good: a guess for a suggestion, and for nothing else."""
    return Direction.LOWER if LOWER.search(meaning(name).lower()) else Direction.HIGHER


def as_rule(name: str) -> str:
    """Return how a threshold on a name outside the catalogue is written."""
    bound = "at_least" if direction_of(name) is Direction.HIGHER else "at_most"
    quoted = name.replace("'", "''")
    return f"'{quoted}': {{{bound}: ...}}"
