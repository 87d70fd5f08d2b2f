using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>The weights of a model as a safetensors file, by their dotted names.</summary>
public static class WeightFile
{
    public static void Save(string path, IReadOnlyList<Weight> weights) => Safetensors.Save(path, weights.Select(w => KeyValuePair.Create(w.Name, TorchTensors.ToHost(w.Parameter))));

    /// <summary>Copies the file's tensors into the weights.</summary>
    /// <exception cref="UserError">The file is damaged, or lacks a weight or has it in another shape.</exception>
    public static void Load(string path, IReadOnlyList<Weight> weights)
    {
        using var file = SafetensorsReader.Open(path);
        Restore(file, path, weights);
    }

    internal static void Restore(SafetensorsReader file, string path, IReadOnlyList<Weight> weights)
    {
        using var noGrad = no_grad();
        foreach (var weight in weights)
        {
            var stored = file.Read(weight.Name);
            if (!stored.Shape.SequenceEqual(weight.Shape))
                throw new UserError($"{path} has {weight.Name} as {stored}, but the model of this recipe needs [{string.Join(",", weight.Shape)}].");
            using var tensor = TorchTensors.ToTorch(stored);
            weight.Parameter.copy_(tensor);
        }
    }
}
