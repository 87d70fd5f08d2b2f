using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// The checkpoints of a model folder: <c>checkpoints/last.safetensors</c> (weights, AdamW's moments and the state, in one file that is
/// replaced whole, so that a kill at any moment leaves a usable one) and <c>checkpoints/best.safetensors</c> (weights of the lowest
/// validation loss).
/// </summary>
public sealed class CheckpointStore(string modelFolder, IReadOnlyList<Weight> weights, ITrainingStep optimizer)
{
    private readonly string _last = PathOf(modelFolder);

    /// <summary>The weights of the lowest validation loss.</summary>
    public string Best { get; } = Path.Combine(modelFolder, "checkpoints", "best.safetensors");

    public bool Exists => File.Exists(_last);

    /// <summary>The fingerprint of the settings that a folder's checkpoint was made with; null where there is none.</summary>
    public static string? SettingsOf(string modelFolder)
    {
        var path = PathOf(modelFolder);
        if (!File.Exists(path))
            return null;
        using var file = SafetensorsReader.Open(path);
        return file.Metadata.GetValueOrDefault("settings");
    }

    public void SaveBest() => WeightFile.Save(Best, weights);

    public void Save(Checkpoint checkpoint)
    {
        var tensors = weights.Select(w => KeyValuePair.Create(w.Name, TorchTensors.ToHost(w.Parameter)))
            .Concat(optimizer.Moments().Select(m => KeyValuePair.Create(m.Name, TorchTensors.ToHost(m.Moment))));
        Safetensors.Save(_last, tensors, new Dictionary<string, string>
        {
            ["step"] = checkpoint.Step.ToString(CultureInfo.InvariantCulture),
            ["best_loss"] = checkpoint.BestLoss.ToString("R", CultureInfo.InvariantCulture),
            ["best_step"] = checkpoint.BestStep.ToString(CultureInfo.InvariantCulture),
            ["settings"] = checkpoint.Settings,
        });
    }

    /// <summary>Restores weights and optimizer, and returns the state.</summary>
    /// <exception cref="UserError">The file is damaged, or was made with other settings.</exception>
    public Checkpoint Load(string settings)
    {
        using var file = SafetensorsReader.Open(_last);
        if (file.Metadata.GetValueOrDefault("settings") != settings)
            throw new UserError($"The checkpoint {_last} was made with other settings; give the run another name (--Name), or start over with --Trainer:Resume=false.");
        using var noGrad = no_grad();
        WeightFile.Restore(file, _last, weights);
        foreach (var (name, moment) in optimizer.Moments())
            moment.copy_(TorchTensors.ToTorch(file.Read(name)));
        var step = int.Parse(file.Metadata["step"], CultureInfo.InvariantCulture);
        optimizer.SetSteps(step);
        return new Checkpoint(step, double.Parse(file.Metadata["best_loss"], CultureInfo.InvariantCulture),
            int.Parse(file.Metadata["best_step"], CultureInfo.InvariantCulture), settings);
    }

    private static string PathOf(string modelFolder) => Path.Combine(modelFolder, "checkpoints", "last.safetensors");
}
