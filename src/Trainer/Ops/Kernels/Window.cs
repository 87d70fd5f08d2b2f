using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>How a window slides over the spatial dimensions: the attributes that convolution and pooling share.</summary>
internal sealed class Window
{
    /// <param name="call">Its attributes.</param>
    /// <param name="input">Sizes of the spatial dimensions.</param>
    /// <param name="kernel">Sizes of the window.</param>
    public Window(OpCall call, long[] input, long[] kernel)
    {
        var rank = input.Length;
        (Input, Kernel) = (input, kernel);
        Strides = call.Attributes.Ints("strides") ?? Ones(rank);
        Dilations = call.Attributes.Ints("dilations") ?? Ones(rank);
        var pads = call.Attributes.Ints("pads") ?? new long[2 * rank];
        if (kernel.Length != rank || Strides.Length != rank || Dilations.Length != rank || pads.Length != 2 * rank)
            throw new UserError($"{call.Op}: kernel, strides, dilations and pads must fit the {rank} spatial dimensions of the input.");
        (Begin, End) = (pads[..rank], pads[rank..]);
        CeilMode = call.Attributes.Flag("ceil_mode");
        AutoPad = call.Attributes.Text("auto_pad", "NOTSET");
    }

    public long[] Input { get; }

    public long[] Kernel { get; }

    public long[] Strides { get; }

    public long[] Dilations { get; }

    /// <summary>Padding before each dimension.</summary>
    public long[] Begin { get; private set; }

    /// <summary>Padding after each dimension.</summary>
    public long[] End { get; private set; }

    public bool CeilMode { get; }

    public string AutoPad { get; }

    /// <summary>How far apart the first and the last element of the window lie, plus one.</summary>
    public long Extent(int i) => (Kernel[i] - 1) * Dilations[i] + 1;

    /// <summary>Sets the padding that auto_pad asks for: SAME_* gives ceil(input / stride) outputs, VALID none.</summary>
    public Window Resolve()
    {
        if (AutoPad is "NOTSET" or "")
            return this;
        for (var i = 0; i < Input.Length; i++)
        {
            var total = AutoPad == "VALID" ? 0 : Math.Max(0, ((Input[i] + Strides[i] - 1) / Strides[i] - 1) * Strides[i] + Extent(i) - Input[i]);
            (Begin[i], End[i]) = Halves(total);
        }
        return this;
    }

    /// <summary>The two parts of a padding; SAME_UPPER puts the odd one at the end.</summary>
    public (long Begin, long End) Halves(long total) =>
        AutoPad == "SAME_LOWER" ? (total - total / 2, total / 2) : (total / 2, total - total / 2);

    /// <summary>The number of windows along dimension <paramref name="i"/>; none may start in the padding behind the input.</summary>
    public long Outputs(int i)
    {
        var span = Input[i] + Begin[i] + End[i] - Extent(i);
        if (!CeilMode)
            return span / Strides[i] + 1;
        var count = (span + Strides[i] - 1) / Strides[i] + 1;
        return (count - 1) * Strides[i] >= Input[i] + Begin[i] ? count - 1 : count;
    }

    /// <summary>What must be added behind End so that exactly <see cref="Outputs"/> windows fit (negative: cut off).</summary>
    public long Surplus(int i) => (Outputs(i) - 1) * Strides[i] + Extent(i) - (Input[i] + Begin[i] + End[i]);

    private static long[] Ones(int rank) => [.. Enumerable.Repeat(1L, rank)];
}
