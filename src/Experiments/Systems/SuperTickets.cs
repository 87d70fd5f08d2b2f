using System.Globalization;
using OnnxMoe.Experiments.Tickets;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Tickets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Searching channels and pruning weights at once, against one after the other (You et al. 2022, arXiv 2207.03677).</summary>
public sealed class SuperTickets : Experiment
{
    private const int Epoch = 19, SearchEpochs = 45, RetrainEpochs = 10, PruneEpochs = 3;
    private const double Sparsity = 0.8, Importance = 2e-2;

    public override string Name => "33-supertickets";

    public override string System => "SuperTickets";

    public override string Paper => "2207.03677";

    public override string Citation => "You, Li, Sun, Ouyang, Lin (2022), SuperTickets: Drawing Task-Agnostic Lottery Tickets from Supernets via Jointly Architecture Searching and Parameter Pruning";

    public override string WhatItIs => "one training in which a supernet loses the channels that do not matter and, at intervals, its smallest weights, which may come back";

    public override string Claim => "a sparse network drawn from a supernet while it is searched needs no retraining, where searching first and pruning then does";

    public override string Recipe => "digits-supertickets";

    public override string Source => LabeledDataset.Digits;

    public override ExperimentResult Run(ExperimentContext context)
    {
        var data = new Lazy<LabeledDataset>(() => context.Images());
        var steps = context.StepsOr(SearchEpochs * Epoch);
        var interval = Math.Max(1, steps * PruneEpochs / SearchEpochs);
        TrainerOptions Training(int length, double rate) =>
            new() { Steps = length, BatchSize = 64, LearningRate = rate, FinalLearningRate = 0.01, WarmupSteps = Math.Min(20, length / 10), WeightDecay = 0, Threads = context.Threads };
        var (training, retraining) = (Training(steps, 1e-2), Training(Math.Max(1, steps * RetrainEpochs / SearchEpochs), 3e-3));
        TicketArm Arm(string name, string description, Action<TicketOptions> change)
        {
            var tickets = new TicketOptions { Importance = Importance, Sparsity = Sparsity, ShrinkEvery = Math.Max(1, interval / PruneEpochs), PruneEvery = interval, CountLost = true };
            change(tickets);
            return new(name, description, tickets, training, retraining, data);
        }
        const double half = 0.5;
        var arms = context.RunAll(
            Arm("joint", "channels are searched for and weights pruned at the same time", _ => { }),
            Arm("then gradually", "half of the steps search, the other half prunes in steps", tickets => (tickets.SearchUntil, tickets.PruneFrom, tickets.PruneStep) = (half, half, 0.2)),
            Arm("then at once", "half of the steps search, the other half trains, the last step prunes", tickets => (tickets.SearchUntil, tickets.PruneFrom, tickets.PruneStep) = (half, half, 0)),
            Arm("joint, masks stay", "as joint, but blocks that lose channels keep their masks", tickets => tickets.Reactivate = false),
            Arm("joint, random", "as joint, but any weights are pruned", tickets => tickets.Score = "random"));
        var (joint, gradual, once, stay, random) = (arms[0], arms[1], arms[2], arms[3], arms[4]);
        const string points = "accuracy, difference in percent points";
        PairedDifference Points(ArmResult arm, ArmResult other, string measure) => PairedDifference.Of(arm, run => 100 * (run[measure] - other.Run(run.Seed)[measure]));
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "Without retraining, drawn at once beats search, then gradual pruning", points).Judge(Points(joint, gradual, TicketArm.Drawn)),
            new Claim(ClaimKind.Primary, "Without retraining, drawn at once beats search, then pruning at once", points).Judge(Points(joint, once, TicketArm.Drawn)),
            new Claim(ClaimKind.Secondary, "Gradual pruning beats pruning at once, without retraining", points).Judge(Points(gradual, once, TicketArm.Drawn)),
            new Claim(ClaimKind.Secondary, "With retraining it still beats search, then gradual pruning", points).Judge(Points(joint, gradual, TicketArm.Retrained)),
            new Claim(ClaimKind.Secondary, "With retraining it still beats search, then pruning at once", points).Judge(Points(joint, once, TicketArm.Retrained)),
            new Claim(ClaimKind.Secondary, "The smallest weights are better to prune than any", points).Judge(Points(joint, random, TicketArm.Drawn)),
            new Claim(ClaimKind.Report, "Letting pruned weights come back when a block loses channels", points).Judge(Points(joint, stay, TicketArm.Drawn)),
        ];
        string Mean(ArmResult arm, string measure) => (100 * arm.Runs.Average(run => run[measure])).ToString("F1", CultureInfo.InvariantCulture);
        string Alive(ArmResult arm) => string.Join(" ", arm.Runs.Select(run => run[TicketArm.Channels].ToString("F0", CultureInfo.InvariantCulture)));
        return new ExperimentResult(
            $"Networks of 3 blocks of width 16, each with depthwise branches of kernels 1, 3 and 5 and 12 hidden channels a branch (108 in all), on the digits; {steps} steps of {training.BatchSize} images (AdamW, 0.01 falling by a cosine), "
            + $"importance {Importance.ToString(CultureInfo.InvariantCulture)}, dead channels removed every {Math.Max(1, interval / PruneEpochs)} steps, pruning every {interval} until {Sparsity:P0} of all weights are gone, those of dead channels counted, so that all networks are of one size; then {retraining.Steps} steps of retraining (0.003) with channels and masks as they are. Accuracy is of the {data.Value.Validation.Count + data.Value.Test.Count} images that are not trained on.",
            arms,
            [new Metric(TicketArm.Drawn, "accuracy as drawn", "P2"), new Metric(TicketArm.Retrained, "retrained", "P2"), new Metric(TicketArm.Channels, "channels left", "F0"), new Metric(TicketArm.Nonzero, "weights left", "F0"),
                new Metric(TinyArm.ValidationLoss, "loss (nats)"), new Metric(TinyArm.Seconds, "s", "F0")],
            claims,
            $"accuracy as drawn / retrained in %: joint {Mean(joint, TicketArm.Drawn)} / {Mean(joint, TicketArm.Retrained)}, search then gradually {Mean(gradual, TicketArm.Drawn)} / {Mean(gradual, TicketArm.Retrained)}, then at once {Mean(once, TicketArm.Drawn)} / {Mean(once, TicketArm.Retrained)}")
        {
            Notes =
            [
                $"Channels left of 108, by seed: joint {Alive(joint)}; then gradually {Alive(gradual)}; then at once {Alive(once)}.",
                "The published code prunes a share of the weights that are left, so that a network that loses channels becomes smaller than the others; here all end equally large, as the comparison asks for.",
                "The importance is such that between 20 and 60 % of the channels die, as they do in the joint arms; with a quarter of it they died late, and their blocks, whose pruned weights then come back, had no time before the last pruning.",
                "Where no channel died within the half of the steps that search, the arms compare pruning alone with both.",
                "The running mean of the published code is of all weights; here of the importances alone, with a decay of 0.99, and validation uses the present weights.",
                "Channels that die are left out of all passes at once; their constant part, relu of their shift, goes into the statistics of the normalization behind the sum of branches, which are estimated before every measurement.",
                "The transfer of tickets to other tasks, and the scores SNIP, GraSP and SynFlow, are not built.",
            ],
        };
    }
}
