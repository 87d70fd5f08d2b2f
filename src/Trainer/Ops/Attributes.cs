using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Ops;

/// <summary>
/// The attributes of one ONNX node by name. A value is a <see cref="long"/>, <see cref="float"/>, <see cref="string"/>,
/// <c>long[]</c>, <c>float[]</c>, <c>string[]</c> or <see cref="HostTensor"/>.
/// </summary>
public sealed class Attributes : Dictionary<string, object>
{
    public long Int(string name, long otherwise) => TryGetValue(name, out var v) ? (long)v : otherwise;

    public bool Flag(string name, bool otherwise = false) => Int(name, otherwise ? 1 : 0) != 0;

    public float Float(string name, float otherwise) => TryGetValue(name, out var v) ? (float)v : otherwise;

    public string Text(string name, string otherwise) => TryGetValue(name, out var v) ? (string)v : otherwise;

    public long[]? Ints(string name) => TryGetValue(name, out var v) ? (long[])v : null;

    public float[]? Floats(string name) => TryGetValue(name, out var v) ? (float[])v : null;

    public HostTensor? Tensor(string name) => TryGetValue(name, out var v) ? (HostTensor)v : null;

    /// <summary>The integer attribute <paramref name="name"/>, which the operator requires.</summary>
    public long RequiredInt(string name) => TryGetValue(name, out var v) ? (long)v : throw Missing(name);

    private static ArgumentException Missing(string name) => new($"The required attribute '{name}' is missing.");
}
