using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Searches;

/// <summary>An arm that trains a supernet of cells, decides its operations, and trains the genotype from random weights. The seed decides all of it.</summary>
/// <param name="name">Short name.</param>
/// <param name="description">What distinguishes it, in words.</param>
/// <param name="setup">Data, sizes, lengths.</param>
/// <param name="darts">How the supernet is trained.</param>
/// <param name="method">magnitude or perturbation.</param>
/// <param name="selection">How operations are decided.</param>
/// <param name="probe">Measure how sharp the supernet's loss is in its architecture weights.</param>
public sealed class CellSelectionArm(string name, string description, CellSetup setup, DartsOptions darts, string method, SelectionOptions selection, bool probe = false) : Arm(name, description)
{
    /// <summary>Share of the held-out images whose class the retrained genotype misses.</summary>
    public const string Error = "error";

    /// <summary>Edges whose operation is none.</summary>
    public const string None = "none_edges";

    /// <summary>Edges whose operation is skip.</summary>
    public const string Skip = "skip_edges";

    /// <summary>1 where the genotype makes no model.</summary>
    public const string Disconnected = "disconnected";

    /// <summary>Accuracy of the mixture on the architecture's half.</summary>
    public const string Mixture = "mixture_accuracy";

    /// <summary>Accuracy lost by making the mixture discrete, with the tuned weights.</summary>
    public const string Gap = "discretization_gap";

    /// <summary>Gain of the loss by a step of half the architecture weights' norm up its gradient, nats.</summary>
    public const string Ascent = "ascent_sharpness";

    /// <summary>Mean gain in ten random directions of that length, nats.</summary>
    public const string Random = "random_sharpness";

    /// <summary>Largest eigenvalue of the loss's Hessian in the architecture weights.</summary>
    public const string Eigenvalue = "top_eigenvalue";

    private const double Share = 0.5;
    private const int Directions = 10;
    private const int ProbedImages = 256;
    private const double Difference = 0.05;

    public override int Steps => setup.GenotypeTraining.Steps;

    public override string Fingerprint(long seed, DataOptions data) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{seed} {setup.Fingerprint} {JsonSerializer.Serialize(darts)} {method} {JsonSerializer.Serialize(selection)} {(probe ? Difference : 0)}")));

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var clock = Stopwatch.StartNew();
        var model = setup.Supernet(darts, seed, cancel);
        var (halves, training) = (setup.Halves(darts, seed), setup.SupernetTraining);
        DiscretizationGap Measure(Architecture architecture) => DiscretizationGap.Of(model, architecture, halves.Weights, halves.Choice, training.BatchSize, null);
        var mixture = Measure(CellSetup.Space.Largest).Mixture.Accuracy;
        if (probe)
            Probe(model, halves, result);
        var selected = Selection.Run(model, halves, method, selection, darts, training, seed, null, null, cancel).Architecture;
        result[Mixture] = mixture;
        result[Gap] = mixture - Measure(selected).Discrete.Accuracy;
        var genotype = CellClassifier.GenotypeOf(selected);
        result[None] = genotype.Count(op => op == EdgeOp.None);
        result[Skip] = genotype.Count(op => op == EdgeOp.Skip);
        result[Disconnected] = CellGraph.IsConnected(model.Nodes, genotype) ? 0 : 1;
        var retrained = setup.Train(selected, seed, progress, cancel);
        result[Error] = 1 - retrained.Accuracy;
        result[TinyArm.ValidationLoss] = retrained.Loss;
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
    }

    private static void Probe(CellClassifier model, TrainingHalves halves, Measurement result)
    {
        var batch = halves.Choice.Take([.. Enumerable.Range(0, Math.Min(ProbedImages, halves.Choice.Count))]);
        var sharpness = SharpnessProbe.Of(model, [model.Alpha], batch, null);
        result[Ascent] = sharpness.Ascent(Share);
        result[Random] = sharpness.Random(Share, Directions, seed: 1);
        result[Eigenvalue] = sharpness.TopEigenvalue(difference: Difference);
    }
}
