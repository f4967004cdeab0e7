"""Which architectures the page offers: those whose weights fit an upload."""

ARCHITECTURES = (
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet10t",
    "deit_tiny_patch16_224",
    "deit_small_patch16_224",
    "vit_tiny_patch16_224",
    "vit_small_patch16_224",
    "vit_base_patch16_224",
    "tf_efficientnet_lite0",
    "efficientnet_b0",
    "convnext_tiny",
    "densenet121",
    "mobilenetv3_large_100",
)
#: of the weights in float32 with a head of ten classes, in MB of 2²⁰ bytes, as uploads are counted
MEGABYTES = {
    "resnet18": 43,
    "resnet34": 82,
    "resnet50": 90,
    "resnet101": 163,
    "resnet10t": 19,
    "deit_tiny_patch16_224": 22,
    "deit_small_patch16_224": 83,
    "vit_tiny_patch16_224": 22,
    "vit_small_patch16_224": 83,
    "vit_base_patch16_224": 328,
    "tf_efficientnet_lite0": 14,
    "efficientnet_b0": 16,
    "convnext_tiny": 107,
    "densenet121": 27,
    "mobilenetv3_large_100": 17,
}


def offered(architectures: tuple[str, ...], most: int) -> tuple[str, ...]:
    """Those whose weights are at most so many MB; what has no known size is offered."""
    return tuple(name for name in architectures if MEGABYTES.get(name, 0) <= most)


def too_large(architectures: tuple[str, ...], most: int) -> str:
    """A sentence about those that are not, and about the way to raise the limit; nothing where all are offered."""
    larger = [name for name in architectures if name not in offered(architectures, most)]
    if not larger:
        return ""
    needed = 50 * -(-max(MEGABYTES[name] for name in larger) // 50)
    return (
        f"Not offered, since their weights are larger than {most} MB: {', '.join(larger)}. Weights in float16 are half "
        f"as large; or whoever runs this server starts it with `nero dashboard --max-upload {needed}`."
    )
