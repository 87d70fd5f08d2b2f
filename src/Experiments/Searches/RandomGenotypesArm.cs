using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Searches;

/// <summary>An arm that trains genotypes drawn at random among those that connect input and output; its numbers are their means.</summary>
/// <param name="setup">Data, sizes, lengths.</param>
/// <param name="count">Genotypes.</param>
public sealed class RandomGenotypesArm(CellSetup setup, int count) : Arm("random", $"the mean of {count} genotypes drawn at random among the connected ones")
{
    public override int Steps => count * setup.GenotypeTraining.Steps;

    public override string Fingerprint(long seed, DataOptions data) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{seed} {setup.Fingerprint} random {count}")));

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var clock = Stopwatch.StartNew();
        var random = new Random((int)seed);
        var drawn = Enumerable.Repeat(0, int.MaxValue).Select(_ => CellSetup.Space.Random(random)).Where(one => CellGraph.IsConnected(CellSetup.Model.Cells.Nodes, CellClassifier.GenotypeOf(one))).Take(count).ToArray();
        var trained = drawn.Select((one, i) => setup.Train(one, seed, step => progress((i * setup.GenotypeTraining.Steps) + step), cancel)).ToArray();
        double Edges(string op) => drawn.Average(one => CellClassifier.GenotypeOf(one).Count(word => word == op));
        result[CellSelectionArm.Error] = 1 - trained.Average(one => one.Accuracy);
        result[CellSelectionArm.None] = Edges(EdgeOp.None);
        result[CellSelectionArm.Skip] = Edges(EdgeOp.Skip);
        result[CellSelectionArm.Disconnected] = 0;
        result[TinyArm.ValidationLoss] = trained.Average(one => one.Loss);
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
    }
}
