using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Supernets;

/// <summary>
/// An arm that distills a teacher's self-attention relations into a supernet of students (or into the largest student of each range alone), measures how far
/// students are from the teacher on held-out text, and then trains each for a few steps to predict the text.
/// </summary>
/// <param name="name">Short name.</param>
/// <param name="description">What distinguishes it, in words.</param>
/// <param name="setup">Sizes of the teacher, and training.</param>
/// <param name="space">Of the supernet; null: students alone.</param>
/// <param name="teacher">Trained when the first run needs it.</param>
/// <param name="tuning">Steps of a student's training on the text.</param>
internal sealed class DistillArm(string name, string description, TinySetup setup, SearchSpace? space, Lazy<TransformerModel> teacher, int tuning) : Arm(name, description)
{
    private static readonly SupernetOptions Supernet = new() { Depth = "spread", RandomPaths = 2 };

    /// <summary>Rank correlation of a student's distance from the teacher and its loss after training on the text.</summary>
    public const string RankCorrelation = "rank_correlation";

    /// <summary>Mean distance from the teacher of a range's students (or of its largest).</summary>
    public static string Relation(string range) => $"relation_{range}";

    /// <summary>Distance of the largest student of a range.</summary>
    public static string LargestRelation(string range) => $"relation_largest_{range}";

    /// <summary>Mean loss on text after some training on it.</summary>
    public static string Tuned(string range) => $"tuned_{range}";

    public override int Steps => setup.Trainer.Steps;

    public override string Fingerprint(long seed, DataOptions data) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{new TrainSettings(Name, seed, data, setup.Model, setup.Trainer) { Supernet = Supernet }.Fingerprint()} {Description} {tuning}")));

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var options = setup.Trainer;
        TorchSharp.torch.set_num_threads(options.Threads == 0 ? Environment.ProcessorCount : options.Threads);
        var task = new CausalText(data, options.SequenceLength, options.EvaluationTokens);
        var distillation = new Distillation(teacher.Value, new DistillOptions());
        var clock = Stopwatch.StartNew();
        var students = space is null ? Alone(seed, data, task, distillation, progress, cancel) : Together(seed, data, task, distillation, progress, cancel);
        result[TinyArm.Seconds] = clock.Elapsed.TotalSeconds;
        var (distances, losses) = (new List<double>(), new List<double>());
        for (var range = 0; range < Students.Ranges.Length; range++)
        {
            var measured = students.Where(student => student.Student.Range == range).ToArray();
            double[] relations = [.. measured.Select(student => TransformerLoss.Measure(student.Model, task.HeldOut(false, 64), null, (batch, ops) => distillation.Loss(student.Model, batch, distillation.Teach(batch, null), ops)))];
            double[] tuned = [.. measured.Select(student => Tune(student.Model, seed, task, cancel))];
            result[Relation(Students.Ranges[range])] = relations.Average();
            result[Tuned(Students.Ranges[range])] = tuned.Average();
            result[LargestRelation(Students.Ranges[range])] = relations[Array.FindIndex(measured, student => student.Student == Students.Of(range)[1])];
            distances.AddRange(relations);
            losses.AddRange(tuned);
        }
        result[TinyArm.ValidationLoss] = losses.Average();
        if (space is not null)
            result[RankCorrelation] = OnnxMoe.Search.Predictors.RankMetrics.Spearman([.. distances], [.. losses]);
    }

    private List<(Students.Student Student, TransformerModel Model)> Together(long seed, TokenDataset data, TokenTask task, Distillation distillation, Action<int> progress, CancellationToken cancel)
    {
        var supernet = new TransformerSupernet(setup.Model, Supernet, space!, data.Tokenizer.VocabularySize, seed);
        TransformerStart.CopyLeading(teacher.Value, supernet.Transformer);
        Distill(supernet.Transformer, supernet, seed, setup.Trainer.Steps, task, distillation, progress, cancel);
        return [.. Enumerable.Range(0, Students.Ranges.Length).SelectMany(Students.Of)
            .Select(student => (student, (TransformerModel)supernet.Extract(ReferenceEquals(space, Students.Union) ? student.InUnion : student.InParted)))];
    }

    /// <summary>The largest student of each range, a third of the steps for each.</summary>
    private List<(Students.Student Student, TransformerModel Model)> Alone(long seed, TokenDataset data, TokenTask task, Distillation distillation, Action<int> progress, CancellationToken cancel)
    {
        var (each, done) = (setup.Trainer.Steps / Students.Ranges.Length, 0);
        return [.. Enumerable.Range(0, Students.Ranges.Length).Select(range =>
        {
            var student = Students.Of(range)[1];
            var supernet = new TransformerSupernet(setup.Model, Supernet, Students.Union, data.Tokenizer.VocabularySize, seed);
            TransformerStart.CopyLeading(teacher.Value, supernet.Transformer);
            var model = (TransformerModel)supernet.Extract(student.InUnion); // begins as the supernets' student does
            Distill(model, null, seed, each, task, distillation, step => progress(done + step), cancel);
            done += each;
            return (student, model);
        })];
    }

    private void Distill(TransformerModel model, TransformerSupernet? supernet, long seed, int steps, TokenTask task, Distillation distillation, Action<int> progress, CancellationToken cancel)
    {
        var options = Of(steps, setup.Trainer.LearningRate, 0);
        using var step = new TransformerStep(model, task, new WeightOptimizer(model.Weights, options), options, seed, null)
        {
            Supernet = supernet,
            Paths = supernet is null ? null : PathSampler.Of(Supernet, supernet.Space, seed),
            Distillation = distillation,
        };
        for (var done = 0; done < steps; done++)
        {
            cancel.ThrowIfCancellationRequested();
            step.Run(done);
            progress(done + 1);
        }
    }

    private double Tune(TransformerModel model, long seed, TokenTask task, CancellationToken cancel)
    {
        var options = Of(tuning, 2e-3, tuning / 10);
        using var step = new TransformerStep(model, task, new WeightOptimizer(model.Weights, options), options, seed + 1_000_000, null);
        for (var done = 0; done < tuning; done++)
        {
            cancel.ThrowIfCancellationRequested();
            step.Run(done);
        }
        return TransformerLoss.Measure(model, task.HeldOut(false, 64), null);
    }

    private TrainerOptions Of(int steps, double learningRate, int warmup) => new()
    {
        Steps = steps,
        BatchSize = setup.Trainer.BatchSize,
        SequenceLength = setup.Trainer.SequenceLength,
        LearningRate = learningRate,
        WarmupSteps = warmup,
        FinalLearningRate = 0.05,
        WeightDecay = 0.01,
    };
}
