using Google.Protobuf;
using Onnx;

namespace OnnxMoe.Artifacts.Graphs;

/// <summary>Opens ONNX model files.</summary>
public static class ModelFile
{
    /// <summary>Since this version of the format an initializer that is an input too is a default; before it every initializer was listed as an input.</summary>
    private const int DefaultsFromIr = 4;

    /// <summary>Reads a model without its external data.</summary>
    /// <exception cref="UserError">Missing, truncated, or not an ONNX model.</exception>
    public static ModelProto Load(string path)
    {
        if (!File.Exists(path))
            throw new UserError($"There is no file {path}.");
        ModelProto model;
        try
        {
            using var stream = File.OpenRead(path);
            model = ModelProto.Parser.ParseFrom(stream);
        }
        catch (InvalidProtocolBufferException problem)
        {
            throw new UserError($"{path} is not an ONNX model: it is truncated or damaged.", problem);
        }
        if (model.Graph is null || model.OpsetImport.Count == 0)
            throw new UserError($"{path} is not a whole ONNX model: it has no {(model.Graph is null ? "graph" : "opset")}.");
        return model;
    }

    /// <summary>The inputs with a default: those that may be left out.</summary>
    public static IEnumerable<ValueInfoProto> OptionalInputs(ModelProto model)
    {
        var initialized = model.Graph.Initializer.Select(tensor => tensor.Name).ToHashSet();
        return model.IrVersion < DefaultsFromIr ? [] : model.Graph.Input.Where(input => initialized.Contains(input.Name));
    }
}
