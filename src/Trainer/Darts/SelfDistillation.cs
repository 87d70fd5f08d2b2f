using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Darts;

/// <summary>
/// A supernet taught by earlier states of itself (Zhu et al. 2023, SD-DARTS, arXiv 2302.05629): the teachers see the student's batch with the weights and the
/// architecture weights that they had, by the batch's statistics, and leave no trace.
/// </summary>
/// <param name="ring">Keeps the states.</param>
/// <param name="options">Weight, temperature, how often.</param>
/// <param name="steps">Of the whole training.</param>
/// <param name="device">Where the models are; null for the CPU.</param>
public sealed class SelfDistillation(SnapshotRing ring, DistillationOptions options, int steps, Device? device)
{
    private const double Megabyte = 1e6;
    private readonly TorchOps _ops = new(training: false, device);

    /// <summary>Whether the architecture weights learn from the teachers, too.</summary>
    public bool OnAlpha => options.OnAlpha;

    /// <summary>That of a supernet; null where the settings name no teacher.</summary>
    /// <exception cref="UserError">A setting is out of its range, or the states would take more memory than they may.</exception>
    public static SelfDistillation? Of(CellClassifier student, ModelOptions model, DistillationOptions options, int steps, Device? device)
    {
        options.Check();
        if (!options.IsOn)
            return null;
        var bytes = SnapshotRing.BytesOf(student.Weights, options.Teachers);
        if (bytes > options.MemoryLimit * Megabyte)
            throw new UserError(string.Create(CultureInfo.InvariantCulture, $"{options.Teachers} kept states of the supernet take {bytes:N0} bytes, more than Supernet:Darts:Distillation:MemoryLimit, {options.MemoryLimit} MB."));
        return new SelfDistillation(new SnapshotRing(student.Weights, [.. Enumerable.Range(0, options.Teachers).Select(_ => Teacher(student, model, device))]), options, steps, device);
    }

    /// <summary>The divergence of a batch from what the teachers say, times its weight; null before there is a teacher.</summary>
    /// <param name="batch">What the student saw.</param>
    /// <param name="logits">[B, classes], the student's.</param>
    /// <param name="step">Counted from 0.</param>
    public Tensor? Loss(LabeledSequences batch, Tensor logits, int step)
    {
        if (ring.Count == 0)
            return null;
        var ramp = options.Ramp == 0 ? 1 : Math.Min(1, step / (options.Ramp * steps));
        return OutputDivergence.Of(logits, Vote(batch), options.Temperature) * (options.Weight * ramp);
    }

    /// <summary>The mean of the teachers' probabilities [B, classes], without gradient.</summary>
    public Tensor Vote(LabeledSequences batch)
    {
        using var noGrad = no_grad();
        return OutputDivergence.Vote([.. ring.Snapshots.Select(teacher =>
            ClassifierLoss.Logits((Classifier)teacher, batch, new ForwardContext(_ops) { BatchStatistics = BatchStatistics.Unrecorded }))], options.Temperature);
    }

    /// <summary>Called after each step.</summary>
    public void Observe(int step)
    {
        if ((step + 1) % options.Interval == 0)
            ring.Push();
    }

    public IEnumerable<(string Name, Tensor Moment)> Moments() => ring.Tensors();

    public void SetSteps(int done) => ring.SetPushes(done / options.Interval);

    private static CellClassifier Teacher(CellClassifier student, ModelOptions model, Device? device)
    {
        var teacher = new CellClassifier(model, student.Space, student.Sizes, seed: 0, device);
        teacher.Gates = new SoftGates(teacher.Alpha);
        return teacher;
    }
}
