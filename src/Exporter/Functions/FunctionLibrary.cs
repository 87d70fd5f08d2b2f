using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Functions;

/// <summary>
/// The model-local functions of one file. IR 8 tells functions apart by name alone, so each further variant of an op (another
/// activation, other optional inputs) is called <c>GroupedFfn_2</c>, <c>GroupedFfn_3</c>, ...
/// </summary>
public sealed class FunctionLibrary
{
    /// <summary>Variants of one op in one file; the native library registers its kernels under this many names.</summary>
    public const int MostVariants = 8;

    private readonly Dictionary<(string Op, object Variant), FunctionProto> _functions = [];

    /// <summary>The functions in the order of first use.</summary>
    public IEnumerable<FunctionProto> All => _functions.Values;

    /// <summary>The function for a variant of an op, built when it is first asked for.</summary>
    /// <param name="op">GroupedFfn, QuantizedLinear, ...</param>
    /// <param name="variant">A record with all that the body depends on.</param>
    /// <param name="build">Makes the body of the given name.</param>
    /// <exception cref="UserError">More variants than the kernels have names for.</exception>
    public FunctionProto Get(string op, object variant, Func<string, FunctionProto> build)
    {
        if (_functions.TryGetValue((op, variant), out var known))
            return known;
        var number = _functions.Keys.Count(key => key.Op == op) + 1;
        if (number > MostVariants)
            throw new UserError($"The model uses more than {MostVariants} variants of {op} (activation, gate, biases); one file can hold {MostVariants}.");
        return _functions[(op, variant)] = build(number == 1 ? op : $"{op}_{number}");
    }

    /// <summary>A function of the domain <c>onnxmoe</c> without nodes.</summary>
    internal static FunctionProto Declare(string name, string about, IEnumerable<string> inputs, IEnumerable<string> outputs, IEnumerable<string> attributes)
    {
        var function = new FunctionProto { Name = name, Domain = OpSet.MoeDomain, DocString = about };
        function.Input.AddRange(inputs);
        function.Output.AddRange(outputs);
        function.Attribute.AddRange(attributes);
        function.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = OpSet.OnnxOpset });
        return function;
    }
}
