using Google.Protobuf;
using Onnx;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Exporter.Programs;

/// <summary>Opens ONNX model files.</summary>
public static class ModelFile
{
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
}
