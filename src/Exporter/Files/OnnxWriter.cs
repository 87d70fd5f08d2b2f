using Google.Protobuf;
using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;

namespace OnnxMoe.Exporter.Files;

/// <summary>
/// Writes a model as two files: <c>model.onnx</c> with the graph and small tensors, and <c>model.onnx.data</c> with the large
/// ones, each at a multiple of 4096 bytes so that runtimes can map the file into memory.
/// </summary>
public static class OnnxWriter
{
    /// <summary>Tensors of at least this many bytes go into the data file.</summary>
    public const int ExternalFrom = 1024;

    /// <summary>Offsets in the data file are multiples of this.</summary>
    public const int Alignment = 4096;

    /// <summary>The name of the data file of an ONNX file.</summary>
    public static string DataFileOf(string path) => path + ".data";

    /// <summary>Writes the model and its data file; both appear, or none.</summary>
    /// <returns>The names of the files written.</returns>
    /// <exception cref="UserError">The disk is full or the folder may not be written; old files are untouched.</exception>
    public static IReadOnlyList<string> Save(ExportedModel model, string path)
    {
        using var files = new FileSet(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var names = Write(model, files.PathOf(Path.GetFileName(path)));
        files.Publish();
        return names;
    }

    /// <summary>Writes the files at once, as part of a <see cref="FileSet"/>.</summary>
    /// <returns>The names of the files written: the data file only if a tensor is large enough.</returns>
    /// <exception cref="UserError">The disk is full or the folder may not be written.</exception>
    public static IReadOnlyList<string> Write(ExportedModel model, string path)
    {
        try
        {
            var proto = model.Proto.Clone();
            var external = WriteData(model, path, proto.Graph);
            using var stream = File.Create(path);
            proto.WriteTo(stream);
            return external ? [Path.GetFileName(path), Path.GetFileName(DataFileOf(path))] : [Path.GetFileName(path)];
        }
        catch (Exception problem) when (WriteFailure.Explain(path, problem) is { } explained)
        {
            throw explained;
        }
    }

    /// <summary>Adds the initializers to the graph, the large ones as places in the data file.</summary>
    /// <returns>True when there is a data file.</returns>
    private static bool WriteData(ExportedModel model, string path, GraphProto graph)
    {
        FileStream? data = null;
        try
        {
            foreach (var initializer in model.Initializers)
            {
                var tensor = initializer.Load();
                if (tensor.Data.Length < ExternalFrom)
                {
                    graph.Initializer.Add(TensorProtoFile.FromHost(tensor, initializer.Name));
                    continue;
                }
                data ??= File.Create(DataFileOf(path));
                data.Position = (data.Position + Alignment - 1) / Alignment * Alignment;
                graph.Initializer.Add(External(initializer, Path.GetFileName(data.Name), data.Position, tensor.Data.Length));
                data.Write(tensor.Data);
            }
            return data is not null;
        }
        finally
        {
            data?.Dispose();
        }
    }

    private static TensorProto External(Initializer initializer, string location, long offset, long length)
    {
        var proto = new TensorProto { Name = initializer.Name, DataType = (int)initializer.Type, DataLocation = TensorProto.Types.DataLocation.External };
        proto.Dims.AddRange(initializer.Shape);
        proto.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = location });
        proto.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = $"{offset}" });
        proto.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = $"{length}" });
        return proto;
    }
}
