namespace OnnxMoe.Trainer.Ops;

/// <summary>Products, activations, normalizations and convolutions.</summary>
public static class NeuralOps
{
    /// <summary>Matrix product with NumPy's rules for stacks and vectors.</summary>
    public static Value MatMul(this Value a, Value b) => a.Binary("MatMul", b);

    public static Value MatMul(this Value a, Weight b) => b.Product is { } product ? product.Of(a) : a.MatMul(a.Ops.Weight(b));

    public static Value Gemm(this Value a, Value b, Value? c = null, bool transA = false, bool transB = false) =>
        a.Ops.Apply("Gemm", c is null ? [a, b] : [a, b, c],
            new() { ["transA"] = transA ? 1L : 0L, ["transB"] = transB ? 1L : 0L })[0];

    public static Value Einsum(this string equation, params Value[] operands) =>
        operands[0].Ops.Apply("Einsum", operands, new() { ["equation"] = equation })[0];

    public static Value Softmax(this Value x, long axis = -1) => x.Ops.Apply("Softmax", [x], new() { ["axis"] = axis })[0];

    public static Value LogSoftmax(this Value x, long axis = -1) => x.Ops.Apply("LogSoftmax", [x], new() { ["axis"] = axis })[0];

    public static Value Relu(this Value x) => x.Unary("Relu");

    public static Value LeakyRelu(this Value x, float alpha = 0.01f) => x.Ops.Apply("LeakyRelu", [x], new() { ["alpha"] = alpha })[0];

    public static Value Sigmoid(this Value x) => x.Unary("Sigmoid");

    public static Value Tanh(this Value x) => x.Unary("Tanh");

    public static Value Softplus(this Value x) => x.Unary("Softplus");

    /// <summary>x * sigmoid(x), by composition: opset 17 has no Silu.</summary>
    public static Value Silu(this Value x) => x * x.Sigmoid();

    /// <summary>The exact GELU, 0.5 x (1 + erf(x / sqrt 2)), by composition: opset 17 has no Gelu.</summary>
    public static Value Gelu(this Value x) => x * 0.5 * ((x * (1 / Math.Sqrt(2))).Erf() + 1);

    /// <summary>Normalizes the dimensions from <paramref name="axis"/> on.</summary>
    public static Value LayerNormalization(this Value x, Value scale, Value? bias, float epsilon = 1e-5f, long axis = -1) =>
        x.Ops.Apply("LayerNormalization", bias is null ? [x, scale] : [x, scale, bias],
            new() { ["axis"] = axis, ["epsilon"] = epsilon })[0];

    /// <summary>x [N,C,...], weight [M,C/groups,...]; strides, dilations and pads as in ONNX (pads: all begins, then all ends).</summary>
    public static Value Conv(this Value x, Value weight, Value? bias = null, long[]? strides = null, long[]? pads = null,
        long[]? dilations = null, long groups = 1)
    {
        var attributes = new Attributes { ["group"] = groups };
        if (strides is not null) attributes["strides"] = strides;
        if (pads is not null) attributes["pads"] = pads;
        if (dilations is not null) attributes["dilations"] = dilations;
        return x.Ops.Apply("Conv", bias is null ? [x, weight] : [x, weight, bias], attributes)[0];
    }

    public static Value MaxPool(this Value x, long[] kernel, long[]? strides = null, long[]? pads = null) => Pool(x, "MaxPool", kernel, strides, pads);

    public static Value AveragePool(this Value x, long[] kernel, long[]? strides = null, long[]? pads = null) => Pool(x, "AveragePool", kernel, strides, pads);

    public static Value GlobalAveragePool(this Value x) => x.Unary("GlobalAveragePool");

    public static Value BatchNormalization(this Value x, Value scale, Value bias, Value mean, Value variance, float epsilon = 1e-5f) =>
        x.Ops.Apply("BatchNormalization", [x, scale, bias, mean, variance], new() { ["epsilon"] = epsilon })[0];

    /// <summary>Normalization by the batch's own statistics; gives them, too [C], the variance of the population.</summary>
    public static (Value Y, Value Mean, Value Variance) NormalizeBatch(this Value x, Value scale, Value bias, Value mean, Value variance, float epsilon = 1e-5f)
    {
        // Momentum 0: what the operator calls running statistics are the batch's alone.
        var results = x.Ops.Apply("BatchNormalization", [x, scale, bias, mean, variance], new() { ["epsilon"] = epsilon, ["momentum"] = 0f, ["training_mode"] = 1L }, outputs: 3);
        return (results[0], results[1], results[2]);
    }

    private static Value Pool(Value x, string op, long[] kernel, long[]? strides, long[]? pads)
    {
        var attributes = new Attributes { ["kernel_shape"] = kernel };
        if (strides is not null) attributes["strides"] = strides;
        if (pads is not null) attributes["pads"] = pads;
        return x.Ops.Apply(op, [x], attributes)[0];
    }
}
