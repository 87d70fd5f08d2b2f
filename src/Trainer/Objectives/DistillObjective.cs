using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Objectives;

/// <summary>How far a student is from its teacher on the same batch.</summary>
public abstract class DistillObjective
{
    /// <param name="student">What the student's pass left.</param>
    /// <param name="teacher">What the teacher's did; nothing is learnt through it.</param>
    /// <param name="mask">[B, S], 1 for tokens and 0 for padding; null: no padding.</param>
    /// <returns>A scalar.</returns>
    public abstract Tensor Loss(DistillPass student, DistillPass teacher, Tensor? mask = null);
}
