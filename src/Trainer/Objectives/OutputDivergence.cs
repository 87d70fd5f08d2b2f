using OnnxMoe.Artifacts;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Objectives;

/// <summary>How far a classifier's distribution is from that of its teachers (Hinton et al. 2015, arXiv 1503.02531).</summary>
public static class OutputDivergence
{
    /// <summary>The mean of several teachers' probabilities: of the probabilities, not of the logits.</summary>
    /// <param name="logits">[B, classes], of each teacher.</param>
    /// <param name="temperature">What logits are divided by.</param>
    /// <exception cref="UserError">A teacher says no numbers.</exception>
    public static Tensor Vote(IReadOnlyList<Tensor> logits, double temperature)
    {
        var mean = logits.Select(one => (one / temperature).softmax(-1)).Aggregate((sum, one) => sum + one) / logits.Count;
        return double.IsFinite(mean.sum().to(ScalarType.Float64).item<double>()) ? mean : throw new UserError("A teacher's output is no number; a smaller Trainer:LearningRate usually helps.");
    }

    /// <summary>T^2 KL(teacher || softmax(student / T)), the mean over the batch; its gradient by the logits is T (softmax(student / T) - teacher) / B.</summary>
    /// <param name="student">Logits [B, classes].</param>
    /// <param name="teacher">Probabilities [B, classes], at the same temperature.</param>
    /// <param name="temperature">T.</param>
    /// <exception cref="UserError">The teacher has other classes.</exception>
    public static Tensor Of(Tensor student, Tensor teacher, double temperature)
    {
        if (!student.shape.SequenceEqual(teacher.shape))
            throw new UserError($"The teacher's output is [{string.Join(", ", teacher.shape)}], the student's [{string.Join(", ", student.shape)}]; they must have the same classes.");
        var fixedTeacher = teacher.detach();
        // A probability of 0 adds nothing; the bound keeps its logarithm finite.
        return (fixedTeacher * (fixedTeacher.clamp_min(1e-30).log() - (student / temperature).log_softmax(-1))).sum(-1).mean() * (temperature * temperature);
    }
}
