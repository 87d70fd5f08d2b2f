using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>What is minimized: a loss plus the auxiliary losses of the layers.</summary>
internal static class Objective
{
    /// <summary>Adds the gradients of a forward pass that is one of <paramref name="passes"/> of a step.</summary>
    /// <param name="loss">A scalar.</param>
    /// <param name="context">Holds the auxiliary losses.</param>
    /// <param name="passes">The gradients are divided by it.</param>
    /// <param name="auxiliary">Takes the auxiliary losses by name, divided likewise.</param>
    public static void Backward(Tensor loss, ForwardContext context, int passes, SortedDictionary<string, double> auxiliary)
    {
        foreach (var (name, value) in context.Losses)
        {
            var tensor = TorchOps.TensorOf(value);
            loss += tensor;
            auxiliary[name] = auxiliary.GetValueOrDefault(name) + tensor.item<float>() / passes;
        }
        (passes == 1 ? loss : loss / passes).backward();
    }
}
