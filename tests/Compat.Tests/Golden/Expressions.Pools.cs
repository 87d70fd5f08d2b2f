using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Compat.Tests.Golden;

/// <summary>Convolutions, pooling and padding.</summary>
public static partial class Expressions
{
    private static IEnumerable<Expression> Pools() =>
    [
        E("conv1d", () => nn.functional.conv1d(C, Wave(0.5, 2, 3, 2))),
        E("conv1d all", () => nn.functional.conv1d(C, Wave(0.5, 2, 3, 2), tensor(new[] { 0.1, 0.2 }), 2, 1, 2)),
        E("conv1d same", () => nn.functional.conv1d_padding(C, Wave(0.5, 2, 3, 3), padding: Padding.Same)),
        E("conv2d", () => nn.functional.conv2d(Image, Wave(0.5, 4, 2, 3, 3))),
        E("conv2d all", () => nn.functional.conv2d(Image, Wave(0.5, 4, 1, 3, 3), Wave(0.2, 4), new long[] { 2, 1 }, new long[] { 1, 0 }, new long[] { 1, 2 }, 2)),
        E("conv3d", () => nn.functional.conv3d(Image.unsqueeze(0), Wave(0.5, 2, 1, 2, 2, 2))),
        E("conv_transpose1d", () => nn.functional.conv_transpose1d(C, Wave(0.5, 3, 2, 2), null, 2, 1, 1)),
        E("conv_transpose2d", () => nn.functional.conv_transpose2d(Image, Wave(0.5, 2, 3, 2, 2), strides: new long[] { 2, 2 })),
        E("max_pool1d", () => nn.functional.max_pool1d(C, 2)),
        E("max_pool1d stride", () => nn.functional.max_pool1d(C, 2, 1, 1)),
        E("max_pool2d", () => nn.functional.max_pool2d(Image, new long[] { 2, 2 })),
        E("max_pool2d all", () => nn.functional.max_pool2d(Image, new long[] { 3, 2 }, new long[] { 1, 2 }, new long[] { 1, 0 }, new long[] { 1, 2 }, true)),
        E("max_pool2d int", () => nn.functional.max_pool2d(Image, 2, 1)),
        E("max_pool2d indices", () => nn.functional.max_pool2d_with_indices(Image, new long[] { 2, 2 }).indices),
        E("max_pool3d", () => nn.functional.max_pool3d(Image.unsqueeze(0), new long[] { 2, 2, 2 })),
        E("avg_pool1d", () => nn.functional.avg_pool1d(C, 2)),
        E("avg_pool2d", () => nn.functional.avg_pool2d(Image, new long[] { 2, 2 })),
        E("avg_pool2d all", () => nn.functional.avg_pool2d(Image, new long[] { 3, 3 }, new long[] { 2, 2 }, new long[] { 1, 1 }, true, false)),
        E("avg_pool2d int", () => nn.functional.avg_pool2d(Image, 2, 1, 1)),
        E("avg_pool3d", () => nn.functional.avg_pool3d(Image.unsqueeze(0), new long[] { 2, 2, 2 })),
        E("adaptive_avg_pool1d", () => nn.functional.adaptive_avg_pool1d(C, 3)),
        E("adaptive_avg_pool2d", () => nn.functional.adaptive_avg_pool2d(Image, new long[] { 2, 3 })),
        E("adaptive_avg_pool2d int", () => nn.functional.adaptive_avg_pool2d(Image, 2)),
        E("adaptive_max_pool2d", () => nn.functional.adaptive_max_pool2d(Image, new long[] { 2, 3 })),
        E("adaptive_max_pool1d", () => nn.functional.adaptive_max_pool1d(C, 3)),
        E("pad", () => nn.functional.pad(A, new long[] { 1, 2 })),
        E("pad value", () => nn.functional.pad(A, new long[] { 1, 0, 2, 1 }, PaddingModes.Constant, 3)),
        E("pad negative", () => nn.functional.pad(A, new long[] { -1, 0 })),
        E("pad reflect", () => nn.functional.pad(C, new long[] { 1, 2 }, PaddingModes.Reflect)),
        E("pad replicate", () => nn.functional.pad(C, new long[] { 1, 2 }, PaddingModes.Replicate)),
        E("pad circular", () => nn.functional.pad(C, new long[] { 1, 2 }, PaddingModes.Circular)),
        E("pad two", () => nn.functional.pad(A, (1, 1))),
        E("F.unfold", () => nn.functional.unfold(Image.unsqueeze(0), 2)),
        E("fold", () => nn.functional.fold(nn.functional.unfold(Image.unsqueeze(0), 2), 5, 2)),
        E("pixel_shuffle", () => nn.functional.pixel_shuffle(Image.reshape(1, 1, 10, 5).reshape(2, 5, 5).repeat(2, 1, 1), 2)),
    ];
}
