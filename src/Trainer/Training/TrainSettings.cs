using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Training;

/// <summary>All settings of a training run.</summary>
public sealed record TrainSettings(string Name, long Seed, DataOptions Data, ModelOptions Model, TrainerOptions Trainer)
{
    /// <summary>Where the initial weights come from.</summary>
    public StartOptions Start { get; init; } = new();

    /// <summary>Whether and how the model is trained to be many.</summary>
    public SupernetOptions Supernet { get; init; } = new();

    /// <summary>The settings as a recipe: what the manifest keeps.</summary>
    public JsonObject ToRecipe() => new()
    {
        ["Name"] = Name,
        ["Seed"] = Seed,
        ["Data"] = JsonSerializer.SerializeToNode(Data),
        ["Model"] = JsonSerializer.SerializeToNode(Model),
        ["Supernet"] = JsonSerializer.SerializeToNode(Supernet),
        ["Start"] = JsonSerializer.SerializeToNode(Start),
        ["Trainer"] = JsonSerializer.SerializeToNode(Trainer),
    };

    /// <summary>A hash of all settings that the trained weights depend on.</summary>
    public string Fingerprint()
    {
        var recipe = ToRecipe();
        recipe.Remove("Name");
        var trainer = (JsonObject)recipe["Trainer"]!;
        foreach (var free in new[] { nameof(TrainerOptions.Resume), nameof(TrainerOptions.CheckpointEvery), nameof(TrainerOptions.ExpertCounts), nameof(TrainerOptions.Threads), nameof(TrainerOptions.Device) })
            trainer.Remove(free);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(recipe.ToJsonString())));
    }
}
