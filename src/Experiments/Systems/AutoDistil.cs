using System.Globalization;
using OnnxMoe.Experiments.Supernets;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Experiments.Verdicts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Systems;

/// <summary>Students of one range of sizes share weights, against one supernet of all sizes; both learn self-attention relations (Xu et al. 2022, arXiv 2201.12507).</summary>
public sealed class AutoDistil : Experiment
{
    private const int Tuning = 60;

    public override string Name => "34-autodistil";

    public override string System => "AutoDistil";

    public override string Paper => "2201.12507";

    public override string Citation => "Xu, Mukherjee, Liu, Dey, Wang, Zhang, Awadallah, Gao (2022), AutoDistil: Few-shot Task-agnostic Neural Architecture Search for Distilling Large Language Models";

    public override string WhatItIs => "students of a language model in a few supernets, one for each range of sizes, that learn the teacher's self-attention relations; the best within a limit is chosen without training";

    public override string Claim => "supernets of students of similar sizes learn the teacher better than one of all sizes, and the distance from the teacher says which students will be good";

    public override string Recipe => "autodistil";

    public override ExperimentResult Run(ExperimentContext context)
    {
        TinySetup Setup(int steps, double learningRate) => context.Tiny(
            model =>
            {
                (model.Layers, model.FirstDenseLayers, model.HiddenSize, model.Heads, model.HeadSize, model.DenseHidden, model.ContextLength) = (4, 4, 128, 4, 32, 256, 48);
                (model.Gated, model.Activation, model.FfnBias, model.InitialDeviation) = (false, "gelu", true, 0.05);
            },
            trainer => (trainer.Steps, trainer.BatchSize, trainer.SequenceLength, trainer.LearningRate, trainer.EvaluationTokens, trainer.WarmupSteps) = (steps, 8, 48, learningRate, 6144, 0));
        var setup = Setup(1500, 1e-3);
        var training = Setup(600, 2e-3);
        training.Trainer.WarmupSteps = training.Trainer.Steps / 10;
        var teacherLoss = double.NaN;
        var teacher = new Lazy<TransformerModel>(() => Teacher(training, context, out teacherLoss));
        var arms = context.RunAll(
            new DistillArm("one supernet", "all sizes share weights", setup, Students.Union, teacher, Tuning),
            new DistillArm("three supernets", "each range of sizes has weights of its own and a third of the steps", setup, Students.Parted, teacher, Tuning),
            new DistillArm("alone", "the largest student of each range by itself, a third of the steps for each", setup, null, teacher, Tuning));
        var (one, three, alone) = (arms[0], arms[1], arms[2]);
        const string distance = "distance from the teacher, one supernet minus three";
        var students = $"Spearman correlation over {Students.Each * Students.Ranges.Length} students";
        const string loss = "loss after training on the text, one supernet minus three (nats)";
        PairedDifference Correlation(ArmResult arm) => PairedDifference.Of(arm, run => run[DistillArm.RankCorrelation]);
        ClaimResult[] claims =
        [
            new Claim(ClaimKind.Primary, "The tiny students of three supernets are nearer to the teacher", distance).Judge(PairedDifference.Of(one, three, DistillArm.Relation("tiny"))),
            new Claim(ClaimKind.Primary, "Of three supernets, the distance from the teacher ranks students as their loss after training does (above 0.5)", students) { Margin = 0.5 }.Judge(Correlation(three)),
            .. new[] { "small", "base" }.Select(range => new Claim(ClaimKind.Secondary, $"So are the {range} ones", distance).Judge(PairedDifference.Of(one, three, DistillArm.Relation(range)))),
            .. Students.Ranges.Select(range => new Claim(ClaimKind.Secondary, $"The {range} students of three supernets are better after training on the text", loss).Judge(PairedDifference.Of(one, three, DistillArm.Tuned(range)))),
            new Claim(ClaimKind.Secondary, "The same ranking in one supernet", students) { Margin = 0.5 }.Judge(Correlation(one)),
            .. Students.Ranges.Select(range => new Claim(ClaimKind.Report, $"The largest {range} student: three supernets minus alone", "distance from the teacher").Judge(PairedDifference.Of(three, alone, DistillArm.LargestRelation(range)))),
        ];
        string Mean(ArmResult arm, Func<string, string> measure) => string.Join(" / ", Students.Ranges.Select(range => arm.Runs.Average(run => run[measure(range)]).ToString("F3", CultureInfo.InvariantCulture)));
        return new ExperimentResult(
            $"Language model over bytes: a teacher of 4 blocks of width 128 with 4 heads of 32, hidden size 256, trained {training.Trainer.Steps} steps. Students keep evenly spread blocks; tiny: 1 or 2 blocks and heads, width 16 or 24; small: 2 or 3, width 32 or 48; "
            + $"base: 3 or 4, width 64 or 96; hidden size 1 or 2 times the width. They begin with the first parts of the teacher's weights and learn its last relations of queries, keys and values (mean squares, 4 relation heads) for {setup.Trainer.Steps} steps of 8 windows of 48, "
            + $"each run by the largest, the smallest and 2 random students. Measured are {Students.Each} students of each range, by distance on held-out text, and by loss after {Tuning} steps on the text.",
            arms,
            [
                .. Students.Ranges.Select(range => new Metric(DistillArm.Relation(range), $"distance, {range}")), .. Students.Ranges.Select(range => new Metric(DistillArm.Tuned(range), $"loss after training, {range} (nats)")),
                new Metric(DistillArm.RankCorrelation, "rank correlation", "F2"), new Metric(TinyArm.Seconds, "distillation (s)", "F0"),
            ],
            claims,
            $"distance from the teacher (tiny / small / base) {Mean(three, DistillArm.Relation)} of three supernets, {Mean(one, DistillArm.Relation)} of one; loss after training {Mean(three, DistillArm.Tuned)} and {Mean(one, DistillArm.Tuned)}")
        {
            Notes =
            [
                double.IsNaN(teacherLoss) ? "The teacher is one and the same for all seeds; the seed decides text, sampled students and what is drawn." : $"The teacher is one and the same for all seeds (validation loss {teacherLoss.ToString("F3", CultureInfo.InvariantCulture)} nats); the seed decides text and sampled students.",
                "The arm \"alone\" trains one student where a supernet trains four, so it costs a quarter.",
                "The teacher is causal, the relations are taken between all tokens, later ones too, as the released code does for its encoders.",
            ],
        };
    }

    private static TransformerModel Teacher(TinySetup setup, ExperimentContext context, out double loss)
    {
        context.Log.WriteLine($"Training the teacher, {setup.Trainer.Steps} steps");
        var model = TransformerModel.Build(setup.Model, context.Data.Tokenizer.VocabularySize, new LayerScope(1));
        var task = new CausalText(context.Data, setup.Trainer.SequenceLength, setup.Trainer.EvaluationTokens);
        using var step = new TransformerStep(model, task, new WeightOptimizer(model.Weights, setup.Trainer), setup.Trainer, 1, null);
        for (var done = 0; done < setup.Trainer.Steps; done++)
        {
            context.Cancel.ThrowIfCancellationRequested();
            step.Run(done);
        }
        loss = TransformerLoss.Measure(model, task.HeldOut(false, 64), null);
        return model;
    }
}
