"""Which objects of Keras a saved configuration may name: its own layers and settings that compute from numbers alone.

Left out on purpose: Lambda and what else wraps functions or foreign modules (TorchModuleWrapper, JaxLayer, FlaxLayer,
TFSMLayer, TFOpLambda), and functions that are neither activation nor loss.
Vocabularies are lists, never the name of a file.
"""

import re
from collections.abc import Iterator
from typing import Any

from ml_cicd.registry.formats.reading import mappings

MODULE = re.compile(
    r"keras(\.src|\.engine|\.saving|\.api|\._tf_keras\.keras)*(\.backend\.[a-z]+)?"
    r"(\.(models|layers|initializers|regularizers|constraints|optimizers"
    r"|losses|metrics|activations|dtype_policies|quantizers|random|ops|operations|saving|engine|core|convolutional|pooling"
    r"|normalization|regularization|reshaping|rnn|merging|attention|preprocessing|activation)"
    r"(\.[a-z0-9_]+)*)?|builtins"
)
LAYERS = frozenset(
    """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention
    AugMix AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization
    Bidirectional CategoryEncoding CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D
    Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D Cropping3D CutMix Dense
    DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten
    Functional GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization
    GroupQueryAttention HashedCrossing Hashing Identity InputLayer IntegerLookup LSTM LSTMCell
    LayerNormalization LeakyReLU Masking MaxNumBoundingBoxes MaxPooling1D MaxPooling2D MaxPooling3D Maximum
    MelSpectrogram Minimum MixUp Model MultiHeadAttention Multiply Normalization PReLU Permute Pipeline
    RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
    RandomCrop RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
    RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear
    RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Resizing STFTSpectrogram SeparableConv1D
    SeparableConv2D Sequential SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D
    SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract TextVectorization
    TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D
    ZeroPadding3D
    """.split()  # noqa: SIM905  # a list of its own lines each would be four pages
)
SETTINGS = frozenset(
    """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform IdentityInitializer LecunNormal LecunUniform Ones
    Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT STFTInitializer TruncatedNormal
    VarianceScaling Zeros L1 L1L2 L2 OrthogonalRegularizer MaxNorm MinMaxNorm NonNeg UnitNorm Adadelta Adafactor
    Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer Muon Nadam RMSprop SGD CosineDecay
    CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay
    BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy
    CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence
    LogCosh MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson
    SparseCategoricalCrossentropy SquaredHinge Tversky AUC Accuracy BinaryAccuracy BinaryIoU CategoricalAccuracy
    F1Score FBetaScore FalseNegatives FalsePositives IoU LogCoshError Mean MeanIoU OneHotIoU OneHotMeanIoU
    Precision PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError SensitivityAtSpecificity
    SparseCategoricalAccuracy SparseTopKCategoricalAccuracy SpecificityAtSensitivity Sum TopKCategoricalAccuracy
    TrueNegatives TruePositives DTypePolicy DTypePolicyMap FloatDTypePolicy Policy QuantizedDTypePolicy
    QuantizedFloat8DTypePolicy AbsMaxQuantizer SeedGenerator
    """.split()  # noqa: SIM905  # a list of its own lines each would be four pages
)
FUNCTIONS = frozenset(
    """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear
    log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus
    sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold binary_crossentropy
    categorical_crossentropy sparse_categorical_crossentropy mean_squared_error mean_absolute_error
    mean_absolute_percentage_error mean_squared_logarithmic_error hinge squared_hinge huber log_cosh
    kl_divergence poisson cosine_similarity accuracy binary_accuracy categorical_accuracy
    sparse_categorical_accuracy
    """.split()  # noqa: SIM905  # a list of its own lines each would be four pages
)
# Values that are no objects: placeholders and numbers. A lambda is one of these forms too, and not here.
PLAIN = frozenset(
    {"__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__", "__tuple__", "__bytes__"}
)
# Numeric operations of a functional graph (keras.ops): classes whose call takes tensors.
OPERATION = re.compile(r"keras\.src\.ops\.(numpy|nn|core|math|linalg|image)")
OPERATIONS = frozenset(
    """
    Abs Absolute Add Subtract Multiply Divide TrueDivide FloorDivide Mod Negative Power Square Sqrt Rsqrt Exp
    Log Log1p Maximum Minimum Max Min Mean Sum Prod Std Var Clip Concatenate Stack Reshape Transpose ExpandDims
    Squeeze GetItem Matmul Dot Einsum Tensordot Where Equal NotEqual Less LessEqual Greater GreaterEqual
    LogicalAnd LogicalOr LogicalNot Cast Softmax Relu Sigmoid Tanh Gelu Silu Argmax Argmin Take TakeAlongAxis
    Pad Repeat Tile Split Flip Round Floor Ceil Sin Cos OneHot BroadcastTo Normalize L2Normalize
    """.split()  # noqa: SIM905  # a list of its own lines each would be four pages
)
VOCABULARIES = ("vocabulary", "idf_weights")


def object_problems(config: Any) -> Iterator[str]:  # noqa: ANN401  # whatever JSON holds
    """Yield each object that a configuration names and that is not one of Keras's own harmless ones."""
    for one in mappings(config):
        yield from (f"{key} is the name of a file" for key in VOCABULARIES if isinstance(one.get(key), str))
        if "class_name" in one or "registered_name" in one:
            problem = _problem(one)
            if problem:
                yield problem


def _problem(one: dict[str, Any]) -> str:
    name, module, registered = (one.get(key) for key in ("class_name", "module", "registered_name"))
    if name in {"Lambda", "__lambda__"}:
        return "a Lambda layer, whose code would run"
    if name in PLAIN:
        return ""
    shown = f"{module}.{name}" if module else f"{name}"
    if name == "function":
        called = one.get("config")
        known = isinstance(called, str) and called in FUNCTIONS and registered in {None, "function", called}
        shown = f"the function {module}.{called}"
    elif OPERATION.fullmatch(str(module)):
        known = name in OPERATIONS and registered in {None, name}
    else:
        known = isinstance(name, str) and name in LAYERS | SETTINGS and registered in {None, name}
    if known and (module is None or (isinstance(module, str) and MODULE.fullmatch(module))):
        return ""
    return f"{shown} is not one of Keras's own layers or settings"
