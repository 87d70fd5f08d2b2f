using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Supernets;

/// <summary>
/// An arm that trains a small language model over bytes as a supernet, or one architecture of its space alone, and measures the validation loss of some
/// architectures. The seed decides initial weights, text and sampled architectures.
/// </summary>
/// <param name="name">Short name.</param>
/// <param name="description">What distinguishes it, in words.</param>
/// <param name="setup">Sizes that are no genes, and training.</param>
/// <param name="space">The architectures.</param>
/// <param name="supernet">How they share weights.</param>
/// <param name="measured">Names of architectures, and which they are.</param>
public sealed class SupernetArm(string name, string description, TinySetup setup, SearchSpace space, SupernetOptions supernet, IReadOnlyDictionary<string, Architecture> measured)
    : Arm(name, description)
{
    /// <summary>Mean validation loss of the measured architectures, nats a byte.</summary>
    public const string MeanLoss = TinyArm.ValidationLoss;

    /// <summary>The only architecture that is trained, as an ordinary model; null: all.</summary>
    public Architecture? Alone { get; init; }

    public override int Steps => setup.Trainer.Steps;

    /// <summary>Validation loss of an architecture.</summary>
    public static string LossOf(string architecture) => $"loss_{architecture}";

    public override string Fingerprint(long seed, DataOptions data) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{new TrainSettings(Name, seed, data, setup.Model, setup.Trainer) { Supernet = supernet }.Fingerprint()} {JsonSerializer.Serialize(space.Groups)} {Alone?.Key} {string.Join(' ', measured.Values.Select(one => one.Key))}")));

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var options = setup.Trainer;
        TorchSharp.torch.set_num_threads(options.Threads == 0 ? Environment.ProcessorCount : options.Threads);
        var vocabulary = data.Tokenizer.VocabularySize;
        var many = Alone is null ? new TransformerSupernet(setup.Model, supernet, space, vocabulary, seed) : null;
        var model = many?.Transformer ?? TransformerModel.Build(TransformerGenes.OptionsOf(setup.Model, Alone!), vocabulary, new LayerScope(seed));
        var task = new CausalText(data, options.SequenceLength, options.EvaluationTokens);
        using var step = new TransformerStep(model, task, new WeightOptimizer(model.Weights, options), options, seed, device: null)
        {
            Supernet = many,
            Paths = many is null ? null : PathSampler.Of(supernet, space, seed),
        };
        var clock = Stopwatch.StartNew();
        for (var done = 0; done < options.Steps; done++)
        {
            cancel.ThrowIfCancellationRequested();
            if (!double.IsFinite(step.Run(done).Loss))
                return;
            progress(done + 1);
        }
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
        result[TinyArm.Parameters] = ModelCost.Parameters(model).Total;
        var losses = new List<double>();
        foreach (var (which, architecture) in measured)
        {
            if (Alone is not null && !Alone.Equals(architecture))
                continue;
            if (many is not null)
                many.Active = architecture;
            losses.Add(result[LossOf(which)] = TransformerLoss.Measure(model, task.HeldOut(test: false, rows: 64), device: null));
        }
        result[MeanLoss] = losses.Average();
    }
}
