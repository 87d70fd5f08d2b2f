using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Quantization;

/// <summary>An arm that trains the adapters of a quantized language model, and measures it at several numbers of bits.</summary>
/// <param name="name">Short name.</param>
/// <param name="description">What distinguishes it, in words.</param>
/// <param name="setup">Of the adapters' training; its model has the sizes of the trained one.</param>
/// <param name="trained">The trained model of a seed and what GPTQ knows of its inputs.</param>
/// <param name="paths">The subnetworks of the steps; null: nothing is trained.</param>
internal sealed class BitsArm(string name, string description, TinySetup setup, Func<long, TokenDataset, TrainedLm> trained, Func<SearchSpace, long, PathSampler>? paths = null) : Arm(name, description)
{
    /// <summary>The loss of the model that is quantized.</summary>
    public const string FullPrecision = "loss_32";

    public override int Steps => paths is null ? 1 : setup.Trainer.Steps;

    /// <summary>Mean bits of the subnetworks that are measured.</summary>
    public IReadOnlyList<double> Bits { get; init; } = BitLosses.Means;

    public override string Fingerprint(long seed, DataOptions data) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{new TrainSettings(Name, seed, data, setup.Model, setup.Trainer).Fingerprint()} {Description} {JsonSerializer.Serialize(TrainedLm.SetupOf(setup.Model.Layers, 0))}")));

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var source = trained(seed, data);
        var space = BitLosses.SpaceOf(setup.Model.Layers);
        var clock = Stopwatch.StartNew();
        result[FullPrecision] = source.Loss;
        var supernet = new BitSupernet(setup.Model, space, data.Tokenizer.VocabularySize, seed);
        supernet.Start(source.Model, source.Products);
        supernet.Adapts = paths is not null;
        if (paths is not null)
            Train(supernet, paths(space, seed), seed, data, progress, cancel);
        var evaluator = new Evaluator(supernet.Lm, data.Domains, setup.Trainer.BatchSize, setup.Trainer.SequenceLength, setup.Trainer.EvaluationTokens, device: null);
        foreach (var bits in Bits)
        {
            supernet.Active = BitLosses.At(space, bits);
            result[BitLosses.Measure(bits)] = evaluator.Run().Loss;
        }
        result[TinyArm.ValidationLoss] = result[BitLosses.Measure(2)];
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
    }

    private void Train(BitSupernet supernet, PathSampler sampler, long seed, TokenDataset data, Action<int> progress, CancellationToken cancel)
    {
        using var step = new LanguageModelStep(supernet.Lm, new WeightOptimizer(supernet.Lm.Weights, setup.Trainer), data.Training, setup.Trainer, seed, setup.Trainer.SequenceLength, device: null)
        {
            Paths = (supernet, sampler),
        };
        for (var done = 0; done < setup.Trainer.Steps; done++)
        {
            cancel.ThrowIfCancellationRequested();
            step.Run(done);
            progress(done + 1);
        }
    }
}
