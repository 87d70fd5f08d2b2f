using Google.Protobuf;
using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Functions;
using OnnxMoe.Exporter.Lowering;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Graph;

/// <summary>
/// The back end that writes instead of computing: every op appends a node to an ONNX graph (opset 17, IR 8). Running a
/// model's forward pass once on symbolic inputs is exporting it. Equal constants and equal nodes are written once.
/// </summary>
public sealed class OnnxOps : OpSet
{
    private static readonly HashSet<string> RandomOps = ["Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"];
    private readonly Dictionary<ByteString, OnnxValue[]> _written = [];
    private readonly Dictionary<string, NodeProto> _producers = [];
    private readonly Dictionary<ByteString, OnnxValue> _constants = [];
    private readonly Dictionary<string, OnnxValue> _folded = [];
    private readonly Dictionary<string, OnnxValue> _values = [];
    private readonly NameTable _names;

    /// <param name="target">Writes the ops that are not standard ONNX.</param>
    /// <param name="precision">How weights are stored.</param>
    public OnnxOps(TargetLowering target, WeightPrecision precision = WeightPrecision.Fp32)
    {
        (Target, Precision, _names) = (target, precision, new NameTable());
        Initializers = [];
        Functions = new FunctionLibrary();
    }

    /// <summary>The nodes of a function (<paramref name="outer"/> null) or of a subgraph of <paramref name="outer"/>.</summary>
    private OnnxOps(OnnxOps? outer, TargetLowering target)
    {
        (Outer, Target, _names) = (outer, target, outer?._names ?? new NameTable());
        Functions = outer?.Functions ?? new FunctionLibrary();
    }

    public override bool IsTraining => false;

    /// <summary>The target whose rules lower the ops of the domain <c>onnxmoe</c>.</summary>
    public TargetLowering Target { get; }

    public WeightPrecision Precision { get; }

    /// <summary>The model-local functions that the nodes call.</summary>
    public FunctionLibrary Functions { get; }

    /// <summary>The nodes so far, each after those it depends on.</summary>
    internal List<NodeProto> Nodes { get; } = [];

    /// <summary>Weights and constants of a graph by name; null in a function or subgraph, where constants are nodes.</summary>
    internal Dictionary<string, Initializer>? Initializers { get; }

    /// <summary>The graph whose values a subgraph may use.</summary>
    internal OnnxOps? Outer { get; }

    /// <summary>What is stored as codes: keys of <see cref="StoredMatrix"/>.</summary>
    internal HashSet<string> Quantized { get; } = [];

    /// <summary>Starts the nodes of a function's body, in which only standard ops are allowed.</summary>
    internal static OnnxOps ForFunction() => new(null, StandardOnly.Instance);

    /// <summary>Starts a subgraph; <see cref="Use"/> brings values of this graph into it.</summary>
    internal OnnxOps Subgraph() => new(this, StandardOnly.Instance);

    /// <summary>A graph (or function, or subgraph) input. The name must be free.</summary>
    public OnnxValue Input(string name, ElementType type) =>
        _names.TryTake(name) ? _values[name] = new(this, name, type) : throw new ArgumentException($"The graph already has a value '{name}'.");

    /// <summary>A value of an outer graph, seen from this subgraph.</summary>
    internal OnnxValue Use(Value outer) => outer is OnnxValue value ? new(this, value.Name, value.Type) : throw Foreign();

    public override Value[] Apply(string op, Value?[] inputs, Attributes? attributes = null, int outputs = 1, string domain = "")
    {
        attributes ??= [];
        if (domain == MoeDomain)
            return Target.Lower(this, op, inputs, attributes, outputs);
        // Of a float16 table only the rows that are read become floats.
        if (domain.Length == 0 && op == "Gather" && StoredHalf(inputs[0]!) is { } table)
            return [Append("", op, [table, .. inputs[1..]], attributes, table.Type)[0].Cast(ElementType.Float)];
        var schema = domain.Length > 0
            ? throw new UserError($"The operator {domain}:{op} cannot be exported: only standard ONNX operators and those of the domain {MoeDomain} can.")
            : OperatorSchema.Find(op) ?? throw Unknown(op);
        CheckCounts(schema, inputs, attributes, outputs);
        var types = Array.ConvertAll(inputs, input => input?.Type);
        return Append("", op, inputs, attributes, [.. Enumerable.Range(0, outputs).Select(i => schema.OutputType(i, types, attributes)
            ?? throw new UserError($"The operator {op} cannot be exported: the element type of its output {i} is not known before a run."))]);
    }

    /// <summary>Appends a node without looking at what the operator is; equal nodes are appended once.</summary>
    /// <param name="types">Element type of each output.</param>
    internal Value[] Append(string domain, string op, Value?[] inputs, Attributes attributes, params ElementType[] types) =>
        Append(Node(domain, op, inputs, attributes), types);

    /// <summary>A node without name and outputs, which is not in the graph.</summary>
    internal NodeProto Node(string domain, string op, Value?[] inputs, Attributes attributes) => NodeBuilder.Node(domain, op, inputs, attributes, NameOf);

    /// <inheritdoc cref="Append(string, string, Value?[], Attributes, ElementType[])"/>
    /// <param name="node">Without name and outputs; those are given here.</param>
    internal Value[] Append(NodeProto node, params ElementType[] types)
    {
        var key = node.ToByteString();
        if (_written.TryGetValue(key, out var known) && known.Length >= types.Length && !RandomOps.Contains(node.OpType))
            return known[..types.Length];
        node.Name = _names.ForNode(node.OpType);
        var results = new OnnxValue[types.Length];
        for (var i = 0; i < types.Length; i++)
        {
            results[i] = new OnnxValue(this, i == 0 ? node.Name : _names.Unique($"{node.Name}:{i}"), types[i]);
            _values[results[i].Name] = results[i];
            node.Output.Add(results[i].Name);
            _producers[results[i].Name] = node;
        }
        Nodes.Add(node);
        return _written[key] = results;
    }

    public override Value Constant(HostTensor tensor)
    {
        if (Outer is not null)
            return Use(Outer.Constant(tensor));
        var proto = TensorProtoFile.FromHost(tensor);
        var key = proto.ToByteString();
        if (_constants.TryGetValue(key, out var known))
            return known;
        if (Initializers is null)
            return _constants[key] = (OnnxValue)Append("", "Constant", [], new() { ["value"] = tensor }, tensor.Type)[0];
        return _constants[key] = Initialize(new Initializer(ConstantName.Of(tensor), tensor.Type, tensor.Shape, () => tensor));
    }

    protected override Value Stored(Weight weight)
    {
        if (Initializers is null)
            throw new InvalidOperationException("A function body has no weights; they are its inputs.");
        _names.Enter(weight.Name);
        var initializer = Initializers.TryGetValue(weight.Name, out var known) ? known : WeightInitializer.Of(weight, Precision);
        var stored = known is null ? Initialize(initializer) : ValueOf(known.Name);
        return stored.Type == ElementType.Float16 ? stored.Cast(ElementType.Float) : stored;
    }

    /// <summary>Adds an initializer, under another name if its own is taken.</summary>
    internal OnnxValue Initialize(Initializer initializer)
    {
        var name = _names.Unique(initializer.Name);
        Initializers![name] = initializer with { Name = name };
        return _values[name] = new OnnxValue(this, name, initializer.Type);
    }

    /// <summary>The initializer, which is added when its <paramref name="key"/> is met for the first time.</summary>
    internal OnnxValue InitializeOnce(string key, Initializer initializer)
    {
        if (Initializers!.GetValueOrDefault(initializer.Name) == initializer)
            return ValueOf(initializer.Name);
        return _folded.TryGetValue(key, out var known) ? known : _folded[key] = Initialize(initializer);
    }

    /// <summary>
    /// A value computed from weights alone: once, when the file is written, rather than at every load. The initializer is called
    /// <paramref name="name"/>, beside the last input. If an input is not an initializer, the nodes are written instead.
    /// </summary>
    internal Value Fold(string name, Value[] inputs, Func<Value[], Value> compute)
    {
        var sources = Array.ConvertAll(inputs, InitializerOf);
        if (sources.Any(source => source is null))
            return compute(inputs);
        var last = sources[^1]!.Name;
        name = last[..(last.LastIndexOf('.') + 1)] + name;
        var key = string.Join(' ', sources.Select(source => source!.Name).Prepend(name));
        if (!_folded.TryGetValue(key, out var stored))
            _folded[key] = stored = Initialize(FoldedInitializer.Of(name, sources!, compute));
        return stored.Cast(ElementType.Float);
    }

    /// <summary>The initializer that a value is, or is cast from; null when it is computed.</summary>
    internal Initializer? InitializerOf(Value value)
    {
        var name = NameOf(value);
        return Initializers?.GetValueOrDefault(Producer(name) is { OpType: "Cast" } cast ? cast.Input[0] : name);
    }

    /// <summary>An input, initializer or result of a node by its name.</summary>
    internal OnnxValue ValueOf(string name) => _values[name];

    internal bool IsInitializer(string name) => Initializers?.ContainsKey(name) == true;

    /// <summary>The float16 initializer that <paramref name="value"/> is cast from, or null.</summary>
    internal OnnxValue? StoredHalf(Value value) =>
        InitializerOf(value) is { Type: ElementType.Float16 } half ? ValueOf(half.Name) : null;

    /// <summary>The node that makes a value; null for inputs, initializers and values of outer graphs.</summary>
    internal NodeProto? Producer(string value) => _producers.GetValueOrDefault(value);

    /// <summary>Replaces the node that makes <paramref name="extra"/> by one that makes it as its last output, beside a first one.</summary>
    /// <param name="node">Without name and outputs.</param>
    /// <param name="position">Place of <paramref name="extra"/> among the outputs; those between are not asked for.</param>
    /// <returns>The first output.</returns>
    internal Value Replace(OnnxValue extra, NodeProto node, int position)
    {
        Nodes.Remove(_producers[extra.Name]);
        var result = Append(node, extra.Type)[0];
        while (node.Output.Count < position)
            node.Output.Add("");
        node.Output.Add(extra.Name);
        _producers[extra.Name] = node;
        return result;
    }

    /// <summary>True when a node written so far reads the value.</summary>
    internal bool IsUsed(string name) => Nodes.Any(node => ValueNames.UsedBy(node).Contains(name));

    private string NameOf(Value value)
    {
        for (var graph = this; graph is not null; graph = graph.Outer)
        {
            if (value.Ops == graph)
                return ((OnnxValue)value).Name;
        }
        throw Foreign();
    }

    private static void CheckCounts(OperatorSchema schema, Value?[] inputs, Attributes attributes, int outputs)
    {
        if (inputs.Length < schema.LeastInputs || inputs.Length > schema.MostInputs)
            throw new UserError($"The operator {schema.Name} was given {inputs.Length} inputs; ONNX opset {OnnxOpset} has {schema.LeastInputs}"
                + (schema.MostInputs == int.MaxValue ? " or more." : schema.MostInputs > schema.LeastInputs ? $" to {schema.MostInputs}." : "."));
        if (outputs < schema.LeastOutputs || outputs > schema.MostOutputs)
            throw new UserError($"The operator {schema.Name} was asked for {outputs} outputs, which ONNX opset {OnnxOpset} does not give.");
        if (attributes.Keys.FirstOrDefault(name => !schema.HasAttribute(name)) is { } unknown)
            throw new UserError($"The operator {schema.Name} has no attribute '{unknown}' in ONNX opset {OnnxOpset}.");
    }

    private static UserError Unknown(string op) => new(OperatorSchema.Similar(op) is { } similar
        ? $"ONNX opset {OnnxOpset} has no operator '{op}', so it cannot be exported; did you mean {similar}?"
        : $"ONNX opset {OnnxOpset} has no operator '{op}', so it cannot be exported.");

    private static ArgumentException Foreign() => new("The value belongs to another back end or graph.");
}
