using System.Globalization;
using OnnxMoe.Experiments.Sharding;
using OnnxMoe.Experiments.Simulations;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Programs;
using OnnxMoe.Placement.Sharding;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Fully sharded sparse data parallelism, simulated on expert counts recorded here (Qing et al. 2025, arXiv 2502.02581, section 5).</summary>
public sealed class Hecate : Experiment
{
    private const int Layers = 6;
    private const string LoadChange1 = "change_1";
    private const string LoadChange50 = "change_50";
    private const string BusiestInTraining = "busiest_in_training";

    private static readonly PublishedModel Model = PublishedModel.All[0];
    private static readonly PublishedModel Four = Model with { Overlap = 4 };

    public override string Name => "21-hecate";

    public override string System => "Hecate";

    public override string Paper => "2502.02581";

    public override string Citation => "Qing, Zhu, Li, Lei, Sun, Guan, Zhao, Chen, Huang, Wang and Cui (2025), Hecate: Unlocking Efficient Sparse Model Training via Fully Sharded Sparse Data Parallelism";

    public override string WhatItIs => "each expert has one owner, and in each training step the experts that were busy lately are copied to more devices while attention computes";

    public override string Claim => "copies of the experts that were busy in the last steps, made behind attention, take the stragglers from expert parallelism and make steps faster";

    public override ExperimentResult Run(ExperimentContext context)
    {
        TinyArm Arm(string name, string description, int experts, double balance) => RecordedTrainings.Arm(name, description,
            context.Tiny(model => (model.Layers, model.Experts, model.Router.BalanceLoss) = (Layers, experts, balance), trainer => trainer.ExpertCounts = true));
        var arms = context.RunAll(
            Arm("64 experts", "balance loss 0.01", 64, 0.01),
            Arm("64 experts, no balance loss", "the same without", 64, 0),
            Arm("16 experts", "balance loss 0.01", 16, 0.01),
            Arm("16 experts, no balance loss", "the same without", 16, 0));
        var recorded = new RecordedTrainings(Layers, context.Cancel);
        foreach (var run in arms.SelectMany(arm => arm.Runs))
        {
            var counts = recorded.CountsOf(run);
            (run[BusiestInTraining], run[LoadChange1], run[LoadChange50]) = (CountStatistics.BusiestExpert(counts), CountStatistics.Change(counts, 1), CountStatistics.Change(counts, RecordedTrainings.LongWindow));
        }
        context.Log.WriteLine("Simulating.");
        var (slow, fast, small) = (Machines.Cluster("hecate-v100", 4), Machines.Cluster("hecate-a100", 4), Machines.Cluster("hecate-v100", 4, gpus: 2));
        var trainer = ((TinyArm)arms[0].Arm).Setup.Trainer;
        return new ExperimentResult(
            $"Tokens of each expert were counted in every step of training small models: {Layers} routed layers of width 64, experts of hidden size 64, 2 for a token, {trainer.Steps} steps of {trainer.BatchSize} x {trainer.SequenceLength} bytes. "
            + $"The counts were then replayed in a simulation of 4 nodes of 8 GPUs (16 experts: 4 nodes of 2) with the sizes of the paper's models, {Layers} layers of them, {PublishedModel.TokensPerDevice} tokens a device. All times, bytes and straggler factors are simulated.",
            arms,
            [
                new Metric(TinyArm.ValidationLoss, "validation loss (nats)"), new Metric(BusiestInTraining, "busiest expert in training (x even share)", "F2"), new Metric(LoadChange1, "load moved since the last step", "P1"),
                new Metric(LoadChange50, "load moved since 50 steps before", "P1"), new Metric(TinyArm.Seconds, "training (s)", "F0"),
            ],
            Claims(recorded, arms, slow, fast),
            Summary(recorded, arms, slow, fast))
        {
            Tables =
            [
                Policies(recorded, arms, slow, fast, small),
                Models(recorded, arms, slow, fast),
                Optimum(recorded, [.. arms.Skip(2)], small, context.Cancel),
            ],
            Notes =
            [
                "Not done: training itself on several ranks with sparse collectives, and the equality of its losses and weights with those of training on one. Nothing here moves a weight; the tests of the planner carry out the listed transfers and sums of gradients on small plans only.",
                "The paper measures 32 V100 and 32 A100; here both are simulated with the published bandwidths, 40 % of peak speed, and a network port that the 8 GPUs of a node share. The paper's batch is not known here, and it decides how many experts attention hides.",
                "64 experts are the paper's number on 32 GPUs. 16 experts leave half of 32 GPUs without one in each layer, which alone is a straggler factor of 2; they are simulated on 4 nodes of 2 GPUs, two experts a GPU.",
                "A step here has 1,024 tokens, so that an expert of 64 gets 32 of them: chance alone makes loads uneven from step to step, more than in a training with many more tokens a step, and no estimate foresees it.",
                "Time that moves owners (Hecate every 100 steps, swaps every 25) counts as waiting; the paper takes it off the critical path.",
                "FasterMoE, SmartMoE and their figures stand for simple policies of their kind here, not for those systems.",
            ],
        };
    }

    private static ClaimResult[] Claims(RecordedTrainings recorded, IReadOnlyList<ArmResult> arms, Cluster slow, Cluster fast)
    {
        var (balanced, free) = (arms[0], arms[1]);
        double Straggler(Measurement run, string policy) => recorded.Of(run, slow, Model, policy).Straggler;
        double Seconds(Measurement run, string policy, Cluster cluster) => recorded.Of(run, cluster, Model, policy).Seconds;
        double Saved(Measurement run, string policy, string by) => 100 * (1 - (Seconds(run, by, slow) / Seconds(run, policy, slow)));
        double Gain(Measurement run, Cluster cluster) => 100 * (1 - (Seconds(run, "hecate", cluster) / Seconds(run, "ep", cluster)));
        double GainOfFour(Measurement run, Cluster cluster) => 100 * (1 - (recorded.Of(run, cluster, Four, "hecate").Seconds / recorded.Of(run, cluster, Four, "ep").Seconds));
        double Memory(Measurement run, string policy) => recorded.Of(run, slow, Model, policy).Memory.Total / (double)(1 << 30);
        double Steps(Measurement run) => new[] { "hecate-rm", "hecate", "all" }.Zip(["ep", "hecate-rm", "hecate"], (more, less) => Memory(run, more) - Memory(run, less)).Min();
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Report, "Imbalance with a balance loss: the busiest device of expert parallelism", "max / mean load").Judge(PairedDifference.Of(balanced, run => Straggler(run, "ep"))),
            new Claim(ClaimKind.Report, "Imbalance without a balance loss", "max / mean load").Judge(PairedDifference.Of(free, run => Straggler(run, "ep"))),
            .. new[] { (balanced, "with", ClaimKind.Primary), (free, "without", ClaimKind.Secondary) }.SelectMany(trace => new[]
            {
                new Claim(trace.Item3, $"Hecate has smaller stragglers than swaps, {trace.Item2} balance loss", "max / mean load, swaps minus Hecate") { EverySeed = true }
                    .Judge(PairedDifference.Of(trace.Item1, run => Straggler(run, "swaps") - Straggler(run, "hecate"))),
                new Claim(ClaimKind.Secondary, $"Swaps have smaller stragglers than expert parallelism, {trace.Item2} balance loss", "max / mean load, expert parallelism minus swaps") { EverySeed = true }
                    .Judge(PairedDifference.Of(trace.Item1, run => Straggler(run, "ep") - Straggler(run, "swaps"))),
                new Claim(trace.Item3, $"A step takes less time with Hecate than with expert parallelism, {trace.Item2} balance loss", "% of its time, V100") { EverySeed = true }
                    .Judge(PairedDifference.Of(trace.Item1, run => Gain(run, slow))),
                new Claim(ClaimKind.Secondary, $"A step takes less time on A100 too, {trace.Item2} balance loss", "% of its time, A100") { EverySeed = true }
                    .Judge(PairedDifference.Of(trace.Item1, run => Gain(run, fast))),
            }),
            new Claim(ClaimKind.Secondary, "The gain is larger on the slow network", "% of the time saved, V100 minus A100, without balance loss") { EverySeed = true }.Judge(PairedDifference.Of(free, run => Gain(run, slow) - Gain(run, fast))),
            new Claim(ClaimKind.Report, "The same when 4 experts are copied on both networks", "% of the time saved, V100 minus A100, without balance loss").Judge(PairedDifference.Of(free, run => GainOfFour(run, slow) - GainOfFour(run, fast))),
            new Claim(ClaimKind.Secondary, "The gain is larger without a balance loss", "% of the time saved, without minus with, V100") { EverySeed = true }.Judge(PairedDifference.Of(free, run => Gain(run, slow) - Gain(balanced.Run(run.Seed), slow))),
            new Claim(ClaimKind.Secondary, "Memory: expert parallelism, Hecate with re-materialization, Hecate, all copies", "GiB, the smallest of the three steps") { EverySeed = true }.Judge(PairedDifference.Of(free, Steps)),
            .. new[] { (balanced, "with"), (free, "without") }.Select(trace => new Claim(ClaimKind.Secondary, $"The mean of 5 steps expects loads better than that of 50, {trace.Item2} balance loss", "max / mean load, 50 minus 5")
                .Judge(PairedDifference.Of(trace.Item1, run => Straggler(run, RecordedTrainings.LongWindowed) - Straggler(run, "hecate")))),
            new Claim(ClaimKind.Secondary, "Calibration does not slow steps down", "% of the time saved, V100, without balance loss") { NoWorse = true }
                .Judge(PairedDifference.Of(free, run => Saved(run, "hecate", by: "hecate-calibrated"))),
            new Claim(ClaimKind.Report, "Hecate against copies of hot experts made after the gate (FasterMoE-like)", "% of the latter's time saved, V100, without balance loss")
                .Judge(PairedDifference.Of(free, run => Saved(run, "hot", by: "hecate"))),
            new Claim(ClaimKind.Report, "Hecate against copies of all experts on all devices (FSDP)", "% of the latter's time saved, V100, with balance loss").Judge(PairedDifference.Of(balanced, run => Saved(run, "all", by: "hecate"))),
            new Claim(ClaimKind.Report, "Algorithm 2 against owners that stay", "% of the latter's time saved, V100, with balance loss").Judge(PairedDifference.Of(balanced, run => Saved(run, RecordedTrainings.FixedOwners, by: "hecate"))),
        ];
        var isEven = balanced.Runs.Average(run => Straggler(run, "ep")) < ShardRun.NothingToGain;
        return isEven ? [.. claims.Select(claim => claim.Open("the load is even: there is nothing to gain"))] : claims;
    }

    private static ResultTable Policies(RecordedTrainings recorded, IReadOnlyList<ArmResult> arms, Cluster slow, Cluster fast, Cluster small)
    {
        var rows = new List<IReadOnlyList<string>>();
        foreach (var (arm, cluster, place) in arms.Take(2).SelectMany(arm => new[] { (arm, slow, "V100"), (arm, fast, "A100") }).Concat(arms.Skip(2).Select(arm => (arm, small, "V100, 4 x 2"))))
        {
            foreach (var policy in new[] { "ep", "hot", "swaps", "hecate", RecordedTrainings.FixedOwners, RecordedTrainings.LongWindowed, "hecate-calibrated", "hecate-rm", "all" })
            {
                SimulatedTraining Of(Measurement run) => recorded.Of(run, cluster, Model, policy);
                string Mean(Func<SimulatedTraining, double> of, string format) => arm.Runs.Average(run => of(Of(run))).ToString(format, CultureInfo.InvariantCulture);
                rows.Add([arm.Arm.Name, place, policy, Mean(t => t.Straggler, "F3"), Mean(t => 1e3 * t.Seconds, "F1"), arm.Runs.Average(run => Of(run).Seconds / recorded.Of(run, cluster, Model, "ep").Seconds).ToString("P1", CultureInfo.InvariantCulture),
                    Mean(t => 1e3 * t.Mean(i => i.AllToAll), "F1"), Mean(t => 1e3 * t.Mean(i => i.Experts), "F1"), Mean(t => 1e3 * t.Mean(i => i.Exposed + i.Moving), "F1"), Mean(t => t.Mean(i => i.Copies), "F0"), Mean(t => t.Memory.Total / (double)(1 << 20), "F0")]);
            }
        }
        var (study, other) = (recorded.Study(arms[0].Runs[0], slow, Model), recorded.Study(arms[0].Runs[0], fast, Model));
        return new ResultTable($"Policies, {Model.Name}, simulated",
            $"ep: plain expert parallelism; hot: FasterMoE-like, after the gate; swaps: SmartMoE-like, every 25 steps; all: every expert gathered everywhere (FSDP). On V100 attention hides t = {study.Overlap} experts and m = {study.CopiesKept} fit on a device, on A100 t = {other.Overlap} and m = {other.CopiesKept}. "
            + "Means over the seeds. Waiting: transfers of experts that no attention hides, and experts that change their owners. Memory: of experts, on the device that has most.",
            ["counts", "on", "policy", "max / mean load", "step (ms)", "of ep", "all-to-all (ms)", "experts (ms)", "waiting (ms)", "copies", "memory (MiB)"], rows);
    }

    private static ResultTable Models(RecordedTrainings recorded, IReadOnlyList<ArmResult> arms, Cluster slow, Cluster fast)
    {
        var rows = new List<IReadOnlyList<string>>();
        foreach (var model in PublishedModel.All)
        {
            string Speedup(ArmResult arm, Cluster cluster) => arm.Runs.Average(run => recorded.Of(run, cluster, model, "ep").Seconds / recorded.Of(run, cluster, model, "hecate").Seconds).ToString("F2", CultureInfo.InvariantCulture);
            string More(string policy) => arms[1].Runs.Average(run => (recorded.Of(run, slow, model, policy).Memory.Total / (double)recorded.Of(run, slow, model, "ep").Memory.Total) - 1).ToString("+0.0 %", CultureInfo.InvariantCulture);
            var (t, fastT) = (recorded.Study(arms[1].Runs[0], slow, model).Overlap, recorded.Study(arms[1].Runs[0], fast, model).Overlap);
            rows.Add([model.Name, $"{t} / {fastT}", Speedup(arms[0], slow), Speedup(arms[1], slow), Speedup(arms[0], fast), Speedup(arms[1], fast), More("hecate"), More("hecate-rm")]);
        }
        rows.Add(["published, all models", "-", "1.34-1.78", "1.34-1.78", "1.26-1.70", "1.26-1.70", "+64 %", "+11.6 %"]);
        return new ResultTable("The paper's models, simulated, beside the published figures",
            "Time of expert parallelism over that of Hecate, and memory of the experts beyond that of expert parallelism (V100, without balance loss). The published figures are measured speed-ups on 32 GPUs and memory of states, gradients and weights.",
            ["model", "t, V100 / A100", "V100, with balance loss", "V100, without", "A100, with", "A100, without", "memory, Hecate", "memory, re-materialized"], rows);
    }

    private static ResultTable Optimum(RecordedTrainings recorded, IReadOnlyList<ArmResult> arms, Cluster cluster, CancellationToken cancel)
    {
        var program = new CopyProgram(Engines.Choose("auto"), threads: 1, seed: 1, TimeSpan.FromSeconds(5));
        var rows = new List<IReadOnlyList<string>>();
        foreach (var arm in arms)
        {
            CopyGap[] gaps = [.. arm.Runs.SelectMany(run => new[] { 1, 2, 3 }.Select(quarter => recorded.Study(run, cluster, Model) is var study ? study.Gap(program, quarter * study.Counts.Iterations / 4, Layers / 2, cancel) : null!))];
            string Mean(Func<CopyGap, double> of) => gaps.Average(of).ToString("F3", CultureInfo.InvariantCulture);
            rows.Add([arm.Arm.Name, Mean(gap => gap.Without), Mean(gap => gap.Heuristic), Mean(gap => gap.Split), Mean(gap => gap.Best), Mean(gap => gap.Bound), $"{gaps.Count(gap => gap.Status == "optimal")} of {gaps.Length}"]);
        }
        var first = recorded.Study(arms[0].Runs[0], cluster, Model);
        return new ResultTable("How far from the best copies",
            $"Max / mean load of one layer at a quarter, half and three quarters of the training of each seed, on 4 nodes of 2 GPUs with t = {first.Overlap} and m = {first.CopiesKept}, when its counts are known beforehand. Best: an integer program over all copies under the same caps, which may split an expert's tokens among them at will; the column before it keeps the copies of algorithm 1 and splits at will, so that what the dispatch rule costs shows by itself.",
            ["counts", "without copies", "algorithm 1", "the same, split at will", "best", "no less than", "proved optimal"], rows);
    }

    private static string Summary(RecordedTrainings recorded, IReadOnlyList<ArmResult> arms, Cluster slow, Cluster fast)
    {
        string Of(ArmResult arm) => string.Create(CultureInfo.InvariantCulture,
            $"max / mean load {Mean(arm, slow, "ep", t => t.Straggler):F2} of expert parallelism, {Mean(arm, slow, "swaps", t => t.Straggler):F2} of swaps, {Mean(arm, slow, "hecate", t => t.Straggler):F2} of Hecate, a step {Share(arm, slow):F0} % of the time on V100 and {Share(arm, fast):F0} % on A100");
        double Mean(ArmResult arm, Cluster cluster, string policy, Func<SimulatedTraining, double> of) => arm.Runs.Average(run => of(recorded.Of(run, cluster, Model, policy)));
        double Share(ArmResult arm, Cluster cluster) => 100 * Mean(arm, cluster, "hecate", t => t.Seconds) / Mean(arm, cluster, "ep", t => t.Seconds);
        return $"simulated, with balance loss: {Of(arms[0])}; without: {Of(arms[1])}";
    }
}
