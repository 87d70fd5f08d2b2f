using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Graph;

/// <summary>What ONNX opset 17 says about one operator: how many inputs and outputs, its attributes, the outputs' element types.</summary>
internal sealed class OperatorSchema
{
    private static readonly Lazy<Dictionary<string, OperatorSchema>> All = new(ReadAll);
    private readonly string[] _outputTypes;
    private readonly HashSet<string> _attributes;

    private OperatorSchema(string line)
    {
        var fields = line.Split(' ');
        Name = fields[0];
        (LeastInputs, MostInputs) = Span(fields[1]);
        (LeastOutputs, MostOutputs) = Span(fields[2]);
        _outputTypes = fields[3].Split(',');
        _attributes = [.. fields[4].Split(',')];
    }

    public string Name { get; }

    public int LeastInputs { get; }

    public int MostInputs { get; }

    public int LeastOutputs { get; }

    public int MostOutputs { get; }

    /// <summary>The schema of a standard operator, or null when opset 17 has none of that name.</summary>
    public static OperatorSchema? Find(string op) => All.Value.GetValueOrDefault(op);

    /// <summary>The name of a standard operator that is spelled almost like <paramref name="op"/>, or null.</summary>
    public static string? Similar(string op) =>
        All.Value.Keys.FirstOrDefault(name => name.Equals(op.Replace("_", ""), StringComparison.OrdinalIgnoreCase));

    public bool HasAttribute(string name) => _attributes.Contains(name);

    /// <summary>The element type of an output, or null when only a run would tell.</summary>
    /// <param name="inputs">The inputs' types; null for omitted ones.</param>
    public ElementType? OutputType(int output, IReadOnlyList<ElementType?> inputs, Attributes attributes)
    {
        var rule = _outputTypes[Math.Min(output, _outputTypes.Length - 1)];
        if (int.TryParse(rule, out var input))
            return input < inputs.Count ? inputs[input] : null;
        if (rule != "?")
            return Enum.Parse<ElementType>(rule, ignoreCase: true);
        return Name switch
        {
            "Cast" => (ElementType)attributes.RequiredInt("to"),
            "Constant" or "ConstantOfShape" => attributes.Tensor("value")?.Type ?? ElementType.Float,
            "EyeLike" or "Bernoulli" or "RandomNormalLike" or "RandomUniformLike" when !attributes.ContainsKey("dtype") => inputs[0],
            "Multinomial" => (ElementType)attributes.Int("dtype", (long)ElementType.Int32),
            _ => (ElementType)attributes.Int("dtype", attributes.Int("output_datatype", (long)ElementType.Float)),
        };
    }

    private static (int Least, int Most) Span(string text)
    {
        var ends = text.Split('-');
        return (int.Parse(ends[0]), ends[1] == "*" ? int.MaxValue : int.Parse(ends[1]));
    }

    private static Dictionary<string, OperatorSchema> ReadAll()
    {
        using var reader = new StreamReader(typeof(OperatorSchema).Assembly.GetManifestResourceStream("onnx-17.txt")!);
        return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#')
            .Select(line => new OperatorSchema(line)).ToDictionary(schema => schema.Name);
    }
}
