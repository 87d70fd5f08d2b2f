using System.Globalization;
using System.Text;
using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Deployment;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Exporter.Deployment;

/// <summary>A model in a Triton model repository: <c>config.pbtxt</c> from the ONNX file's own inputs and outputs, and version 1 with its files.</summary>
internal static class TritonModel
{
    /// <summary>The repository, in the folder of the deployment.</summary>
    public const string Repository = "triton";

    /// <summary>Where Triton is told that the repository is; the path of the kernels begins with it.</summary>
    public const string MountPath = "/models";

    private const string KernelFile = "libonnxmoe.so";

    /// <summary>The model's name in the repository, which is its folder's.</summary>
    public static string Name(DeployedModel model) =>
        model.Manifest.Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && model.Manifest.Name[0] != '.' ? model.Manifest.Name : model.Label;

    /// <summary>Writes the model into a repository: its files first, the configuration last.</summary>
    public static void Write(DeployedModel model, string repository)
    {
        var config = Config(model); // may fail: before the first file is written
        var folder = Path.Combine(repository, Name(model));
        using (var version = new FileSet(Path.Combine(folder, "1")))
        {
            foreach (var file in model.OnnxFiles)
                HardLink.Make(Path.Combine(model.Folder, file), version.PathOf(file));
            if (model.HasKernels)
                File.Copy(KernelLibrary.Locate(), version.PathOf(KernelFile));
            version.Publish();
        }
        AtomicFile.WriteText(Path.Combine(folder, "config.pbtxt"), config);
    }

    /// <summary>The text of <c>config.pbtxt</c>.</summary>
    /// <exception cref="UserError">An input or output is of a type that Triton does not have.</exception>
    public static string Config(DeployedModel model)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $$"""
            # Written by 'onnxmoe export' from {{ProtobufText.Quoted(model.File)}}; README.md of the deployment says how to use it.
            name: {{ProtobufText.Quoted(Name(model))}}
            backend: "onnxruntime"
            default_model_filename: {{ProtobufText.Quoted(model.File)}}
            # The first dimension is part of the shapes below: rows of one request run together, requests one after the other.
            max_batch_size: 0

            """);
        Tensors(text, "input", model.Inputs);
        Tensors(text, "output", model.Onnx.Graph.Output);
        text.Append(CultureInfo.InvariantCulture, $"instance_group [ {{ count: 1, kind: {(model.HasKernels ? "KIND_CPU" : "KIND_AUTO")} }} ]\n");
        if (model.HasKernels)
        {
            var kernels = $"{MountPath}/{Name(model)}/1/{KernelFile}";
            text.Append(CultureInfo.InvariantCulture, $$"""
                # The native kernels, for processors. Without these lines the file runs by its own function bodies, on GPUs too (KIND_GPU).
                # The path is the one that Triton sees: of a repository at {{MountPath}}.
                model_operations { op_library_filename: [ {{ProtobufText.Quoted(kernels)}} ] }

                """);
        }
        return text.ToString();
    }

    private static void Tensors(StringBuilder text, string field, IEnumerable<ValueInfoProto> values)
    {
        var entries = values.Select(value => $"  {{ name: {ProtobufText.Quoted(value.Name)}, data_type: {TypeOf(value)}, {Dims(value)} }}");
        text.Append(field).Append(" [\n").AppendJoin(",\n", entries).Append("\n]\n");
    }

    /// <summary>Triton has no tensors without dimensions: a number is a vector of one that is reshaped on its way.</summary>
    private static string Dims(ValueInfoProto value)
    {
        var sizes = value.Type.TensorType.Shape.Dim.Select(size => size.HasDimValue ? size.DimValue : -1).ToArray();
        return sizes.Length == 0 ? "dims: [ 1 ], reshape: { shape: [ ] }" : $"dims: [ {string.Join(", ", sizes)} ]";
    }

    private static string TypeOf(ValueInfoProto value) => (DataType)value.Type.TensorType.ElemType switch
    {
        DataType.Bool => "TYPE_BOOL",
        DataType.Uint8 => "TYPE_UINT8",
        DataType.Uint16 => "TYPE_UINT16",
        DataType.Uint32 => "TYPE_UINT32",
        DataType.Uint64 => "TYPE_UINT64",
        DataType.Int8 => "TYPE_INT8",
        DataType.Int16 => "TYPE_INT16",
        DataType.Int32 => "TYPE_INT32",
        DataType.Int64 => "TYPE_INT64",
        DataType.Float16 => "TYPE_FP16",
        DataType.Float => "TYPE_FP32",
        DataType.Double => "TYPE_FP64",
        DataType.Bfloat16 => "TYPE_BF16",
        DataType.String => "TYPE_STRING",
        var type => throw new UserError($"Triton has no type for '{value.Name}', which is {type}; serve the model with 'onnxmoe serve'."),
    };
}
