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
/// <param name="paths">The subnetworks of the steps; one run of training for each way. None: the model as quantized.</param>
internal sealed class BitsArm(string name, string description, TinySetup setup, Func<long, TokenDataset, TrainedLm> trained, params IReadOnlyList<Func<SearchSpace, long, PathSampler>> paths) : Arm(name, description)
{
    /// <summary>The loss of the model that is quantized.</summary>
    public const string FullPrecision = "loss_32";

    public override int Steps => Math.Max(1, setup.Trainer.Steps * paths.Count);

    /// <summary>True for arms with a training for each number of bits, of which the n-th measures that one alone.</summary>
    public bool Dedicated { get; init; }

    public override string Fingerprint(long seed, DataOptions data) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{new TrainSettings(Name, seed, data, setup.Model, setup.Trainer).Fingerprint()} {Description} {JsonSerializer.Serialize(TrainedLm.SetupOf(setup.Model.Layers, 0))}")));

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var source = trained(seed, data);
        var space = BitLosses.SpaceOf(setup.Model.Layers);
        var clock = Stopwatch.StartNew();
        result[FullPrecision] = source.Loss;
        for (var way = 0; way < Math.Max(1, paths.Count); way++)
        {
            var supernet = new BitSupernet(setup.Model, space, data.Tokenizer.VocabularySize, seed);
            supernet.Start(source.Model, source.Products);
            supernet.Adapts = paths.Count > 0;
            if (paths.Count > 0)
                Train(supernet, paths[way](space, seed), seed, data, step => progress((way * setup.Trainer.Steps) + step), cancel);
            var evaluator = new Evaluator(supernet.Lm, data.Domains, setup.Trainer.BatchSize, setup.Trainer.SequenceLength, setup.Trainer.EvaluationTokens, device: null);
            foreach (var bits in Dedicated ? [BitLosses.Means[way]] : BitLosses.Means)
            {
                supernet.Active = BitLosses.At(space, bits);
                result[BitLosses.Measure(bits)] = evaluator.Run().Loss;
            }
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
