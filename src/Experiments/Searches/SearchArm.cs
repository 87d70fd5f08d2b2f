using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Search.Methods;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Searches;

/// <summary>An arm that searches an enumerated supernet; the seed decides the search alone, the supernet is the same.</summary>
/// <param name="name">Short name.</param>
/// <param name="description">What distinguishes it, in words.</param>
/// <param name="method">How it searches.</param>
/// <param name="budget">Architectures it measures.</param>
/// <param name="supernet">Built when the first run needs it.</param>
public sealed class SearchArm(string name, string description, SearchMethod method, int budget, Lazy<EnumeratedSupernet> supernet) : Arm(name, description)
{
    /// <summary>Numbers of measurements after which the share of the true hypervolume is kept.</summary>
    public static readonly int[] Budgets = [40, 60, 100, 200];

    /// <summary>Percentages of the true hypervolume whose reaching is kept.</summary>
    public static readonly int[] Percents = [90, 95, 99];

    /// <summary>The share of the true hypervolume after that many measurements.</summary>
    public static string ShareAt(int measurements) => $"share_at_{measurements}";

    /// <summary>Measurements until that many percent of the true hypervolume were reached; one more than the budget where they were not.</summary>
    public static string Needed(int percent) => $"needed_for_{percent}";

    public override int Steps => budget;

    public override string Fingerprint(long seed, DataOptions data) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{Description} {budget} {seed} {JsonSerializer.Serialize(EnumeratedSupernet.Training(0))} {JsonSerializer.Serialize(EnumeratedSupernet.Model)}")));

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var searched = supernet.Value;
        var clock = Stopwatch.StartNew();
        var done = 0;
        using var log = new MeasurementLog(searched.Space, budget, architecture =>
        {
            cancel.ThrowIfCancellationRequested();
            progress(++done);
            return searched.Measure(architecture);
        });
        method.Run(searched.Space, 2, log, (int)seed);
        var shares = searched.Shares(log.All);
        foreach (var measurements in Budgets)
            result[ShareAt(measurements)] = shares[Math.Min(measurements, shares.Length) - 1];
        foreach (var percent in Percents)
            result[Needed(percent)] = Array.FindIndex(shares, share => share >= percent / 100.0) is >= 0 and var at ? at + 1 : budget + 1;
        result[TinyArm.ValidationLoss] = log.All.Min(measured => measured.Objectives[0]);
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
    }
}
