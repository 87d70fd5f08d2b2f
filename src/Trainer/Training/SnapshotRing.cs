using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>The last few states of a model that is trained: copies in models of their own, made once, so that the memory does not grow.</summary>
/// <param name="source">The weights of the model that is trained.</param>
/// <param name="slots">Models with weights of the same shapes in the same order.</param>
public sealed class SnapshotRing(IReadOnlyList<Weight> source, IReadOnlyList<Model> slots)
{
    private int _pushes;

    /// <summary>States that are kept.</summary>
    public int Count => Math.Min(_pushes, slots.Count);

    /// <summary>The last <see cref="Count"/> states, in no order.</summary>
    public IEnumerable<Model> Snapshots => slots.Take(Count);

    /// <summary>Bytes of some copies of weights.</summary>
    public static long BytesOf(IReadOnlyList<Weight> weights, int copies) => copies * weights.Sum(weight => weight.Parameter.numel() * weight.Parameter.element_size());

    /// <summary>Copies the present weights over the oldest state.</summary>
    public void Push()
    {
        using var noGrad = no_grad();
        foreach (var (copy, weight) in slots[_pushes++ % slots.Count].Weights.Zip(source))
            copy.Parameter.copy_(weight.Parameter);
    }

    /// <summary>All slots' tensors by name, the live ones, empty slots' too: copying into them restores the states.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Tensors() =>
        slots.SelectMany((slot, i) => slot.Weights.Select(weight => ($"snapshot{i}/{weight.Name}", (Tensor)weight.Parameter)));

    /// <summary>Tells how many states were pushed, after the tensors were restored.</summary>
    public void SetPushes(int pushes) => _pushes = pushes;
}
