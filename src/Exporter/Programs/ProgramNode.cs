using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Programs;

/// <summary>One node, decoded once: attributes as an <see cref="OpSet"/> takes them, graphs apart.</summary>
internal sealed class ProgramNode
{
    private ProgramNode(NodeProto proto, Attributes attributes, IReadOnlyDictionary<string, ProgramGraph> graphs, IReadOnlyDictionary<string, string> references)
    {
        (Op, Domain, Name) = (proto.OpType, proto.Domain == "ai.onnx" ? "" : proto.Domain, proto.Name);
        (Inputs, Outputs) = ([.. proto.Input], [.. proto.Output]);
        (Attributes, Graphs, References) = (attributes, graphs, references);
        Reads = [.. Inputs.Where(name => name.Length > 0), .. graphs.Values.SelectMany(graph => graph.Free)];
    }

    public string Op { get; }

    public string Domain { get; }

    public string Name { get; }

    /// <summary>Names, "" for an omitted one.</summary>
    public string[] Inputs { get; }

    public string[] Outputs { get; }

    public Attributes Attributes { get; }

    /// <summary>The graph attributes of If and Loop.</summary>
    public IReadOnlyDictionary<string, ProgramGraph> Graphs { get; }

    /// <summary>Attributes that take their value from the function call around the node: name here to name there.</summary>
    public IReadOnlyDictionary<string, string> References { get; }

    /// <summary>All names that running the node reads, also from within its graphs.</summary>
    public string[] Reads { get; }

    /// <summary>How errors call the node.</summary>
    public string Title => $"node {(Name.Length > 0 ? $"'{Name}'" : $"of output '{Outputs.FirstOrDefault(o => o.Length > 0)}'")} ({(Domain.Length > 0 ? Domain + "." : "")}{Op})";

    public static ProgramNode From(NodeProto proto, string? folder)
    {
        var attributes = new Attributes();
        var graphs = new Dictionary<string, ProgramGraph>();
        var references = new Dictionary<string, string>();
        foreach (var attribute in proto.Attribute)
        {
            if (attribute.RefAttrName.Length > 0)
                references[attribute.Name] = attribute.RefAttrName;
            else if (attribute.Type == AttributeProto.Types.AttributeType.Graph)
                graphs[attribute.Name] = ProgramGraph.From(attribute.G, folder);
            else
                attributes[attribute.Name] = Decode(proto, attribute, folder);
        }
        return new ProgramNode(proto, attributes, graphs, references);
    }

    /// <summary>The attributes with those of the surrounding function call filled in; absent ones keep the operator's default.</summary>
    public Attributes AttributesIn(Attributes? call)
    {
        if (References.Count == 0 || call is null)
            return Attributes;
        var all = new Attributes();
        foreach (var (name, value) in Attributes)
            all[name] = value;
        foreach (var (name, outer) in References)
        {
            if (call.TryGetValue(outer, out var value))
                all[name] = value;
        }
        return all;
    }

    internal static object Decode(NodeProto node, AttributeProto attribute, string? folder) => attribute.Type switch
    {
        AttributeProto.Types.AttributeType.Int => attribute.I,
        AttributeProto.Types.AttributeType.Float => attribute.F,
        AttributeProto.Types.AttributeType.String => attribute.S.ToStringUtf8(),
        AttributeProto.Types.AttributeType.Ints => attribute.Ints.ToArray(),
        AttributeProto.Types.AttributeType.Floats => attribute.Floats.ToArray(),
        AttributeProto.Types.AttributeType.Strings => attribute.Strings.Select(s => s.ToStringUtf8()).ToArray(),
        AttributeProto.Types.AttributeType.Tensor => TensorProtoFile.ToHost(attribute.T, folder, $"Attribute '{attribute.Name}' of {node.OpType}"),
        _ => throw new UserError($"The attribute '{attribute.Name}' of node '{node.Name}' ({node.OpType}) is of kind {attribute.Type}, which is not supported."),
    };
}
