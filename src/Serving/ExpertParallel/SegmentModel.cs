using Microsoft.ML.OnnxRuntime;
using Onnx;
using OnnxMoe.Artifacts.Graphs;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>Parts of a model as models of their own.</summary>
internal static class SegmentModel
{
    /// <summary>A segment. The first has all inputs of the model, used or not, so that it can be asked what they are.</summary>
    /// <param name="model">The whole model.</param>
    /// <param name="segment">The part.</param>
    /// <param name="isFirst">Whether it is the first.</param>
    /// <param name="infos">What the values made elsewhere are.</param>
    public static ModelProto Of(ModelProto model, GraphSegment segment, bool isFirst, IReadOnlyDictionary<string, ValueInfoProto> infos)
    {
        var (part, whole) = (Shell(model), model.Graph);
        var known = whole.Input.Concat(whole.Output).ToDictionary(value => value.Name);
        var inputs = isFirst ? whole.Input.Select(input => input.Name).Union(segment.Inputs) : segment.Inputs;
        part.Graph.Input.AddRange(inputs.Select(name => known.GetValueOrDefault(name) ?? infos[name]));
        part.Graph.Output.AddRange(segment.Outputs.Select(name => known.GetValueOrDefault(name) ?? new ValueInfoProto { Name = name }));
        part.Graph.Node.AddRange(segment.Nodes);
        var used = segment.Nodes.SelectMany(ValueNames.UsedBy).Concat(part.Graph.Input.Select(input => input.Name)).ToHashSet();
        part.Graph.Initializer.AddRange(whole.Initializer.Where(tensor => used.Contains(tensor.Name)));
        return part;
    }

    /// <summary>The named sizes of the model's inputs.</summary>
    public static IReadOnlySet<string> Symbols(ModelProto model) =>
        model.Graph.Input.SelectMany(input => input.Type.TensorType?.Shape?.Dim ?? []).Select(size => size.DimParam).Where(symbol => symbol.Length > 0).ToHashSet();

    /// <summary>The experts of a layer that are in <paramref name="stacks"/>, numbered as they stand there.</summary>
    /// <param name="model">The whole model.</param>
    /// <param name="call">Where it applies all experts of the layer.</param>
    /// <param name="stacks">Weights of some of them, with the names of the model's.</param>
    public static ModelProto OfExperts(ModelProto model, ExpertCall call, IEnumerable<TensorProto> stacks)
    {
        var part = Shell(model);
        part.Graph.Input.Add(Info(call.Tokens, TensorProto.Types.DataType.Float, "tokens", "width"));
        part.Graph.Input.Add(Info(call.Indices, TensorProto.Types.DataType.Int64, "tokens", "picks"));
        part.Graph.Input.Add(Info(call.Weights, TensorProto.Types.DataType.Float, "tokens", "picks"));
        part.Graph.Output.Add(Info(call.Output, TensorProto.Types.DataType.Float, "tokens", "width"));
        part.Graph.Node.Add(call.Node);
        part.Graph.Initializer.AddRange(stacks);
        return part;
    }

    /// <summary>A value as a session describes it.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">What the session says.</param>
    /// <param name="symbols">The named sizes to keep. Those that ONNX Runtime makes up mean something else in every session.</param>
    public static ValueInfoProto Info(string name, NodeMetadata value, IReadOnlySet<string> symbols)
    {
        var type = new TypeProto.Types.Tensor { ElemType = (int)value.ElementDataType };
        if (value.Dimensions.Length > 0) // none: a scalar, or not known
        {
            type.Shape = new TensorShapeProto();
            for (var i = 0; i < value.Dimensions.Length; i++)
            {
                var (size, symbol) = (value.Dimensions[i], value.SymbolicDimensions[i]);
                type.Shape.Dim.Add(size >= 0 ? new() { DimValue = size } : symbols.Contains(symbol) ? new() { DimParam = symbol } : new TensorShapeProto.Types.Dimension());
            }
        }
        return new() { Name = name, Type = new() { TensorType = type } };
    }

    private static ValueInfoProto Info(string name, TensorProto.Types.DataType type, params string[] shape) => new()
    {
        Name = name,
        Type = new() { TensorType = new() { ElemType = (int)type, Shape = new() { Dim = { shape.Select(size => new TensorShapeProto.Types.Dimension { DimParam = size }) } } } },
    };

    private static ModelProto Shell(ModelProto model) => new()
    {
        IrVersion = model.IrVersion,
        OpsetImport = { model.OpsetImport },
        Functions = { model.Functions },
        Graph = new GraphProto { Name = model.Graph.Name },
    };
}
