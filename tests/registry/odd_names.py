"""Names that are no model's: command and doors alike refuse every one of them."""

ODD_NAMES = (
    "",
    " ",
    " digits",
    ".digits",
    "-digits",
    "..",
    "a/b",
    "a:b",
    "a@champion",
    "a' or name='b",
    'a"b',
    "a`b",
    "a\\b",
    "a\tb",
    "a\nb",
    "digits\n",
    "a%b",
    "a" * 201,
    "digits--deployments",
    "digits--Deployments",
)
