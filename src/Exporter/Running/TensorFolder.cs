using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Running;

/// <summary>
/// Tensors of a model in a folder, in one of three forms: input_0.pb (TensorProto, the form of the ONNX project's test data),
/// input_0.npy, or NAME.npy. Outputs are written in the form that the inputs have.
/// </summary>
/// <param name="folder">The folder with the inputs.</param>
public sealed class TensorFolder(string folder)
{
    private string _extension = ".pb";
    private bool _byName;

    /// <summary>Reads the input of a model.</summary>
    /// <param name="name">Its name in the model.</param>
    /// <param name="position">Its place among the model's inputs.</param>
    /// <exception cref="UserError">There is no file for it, or the file is damaged.</exception>
    public HostTensor Read(string name, int position)
    {
        if (!Directory.Exists(folder))
            throw new UserError($"There is no folder {folder} to read the model's inputs from.");
        foreach (var (file, byName) in new[] { ($"input_{position}.pb", false), ($"{FileName(name)}.npy", true), ($"input_{position}.npy", false), ($"{FileName(name)}.pb", true) })
        {
            var path = Path.Combine(folder, file);
            if (!File.Exists(path))
                continue;
            (_extension, _byName) = (Path.GetExtension(file), byName);
            return _extension == ".pb" ? TensorProtoFile.Load(path) : Npy.Load(path);
        }
        throw new UserError($"The input '{name}' is missing: {folder} has neither input_{position}.pb nor {FileName(name)}.npy nor input_{position}.npy.");
    }

    /// <summary>Reads an input that may be left out: NAME.npy or NAME.pb; null when there is neither.</summary>
    /// <exception cref="UserError">The file is damaged.</exception>
    public HostTensor? Find(string name)
    {
        var path = Path.Combine(folder, FileName(name));
        return File.Exists(path + ".npy") ? Npy.Load(path + ".npy") : File.Exists(path + ".pb") ? TensorProtoFile.Load(path + ".pb") : null;
    }

    /// <summary>Writes an output into another folder, in the form in which the last input was read, and returns its path.</summary>
    public string Write(string target, string name, int position, HostTensor tensor)
    {
        Directory.CreateDirectory(target);
        var path = Path.Combine(target, (_byName ? FileName(name) : $"output_{position}") + _extension);
        if (_extension == ".pb")
            TensorProtoFile.Save(path, tensor, name);
        else
            Npy.Save(path, tensor);
        return path;
    }

    private static string FileName(string name) => name.Replace('/', '_').Replace('\\', '_');
}
