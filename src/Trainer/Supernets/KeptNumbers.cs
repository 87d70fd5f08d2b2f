using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>Numbers that checkpoints keep: a tensor of doubles under a name.</summary>
internal sealed class KeptNumbers(string name, double[] initial)
{
    private readonly Tensor _tensor = tensor(initial).DetachFromDisposeScope();

    /// <summary>The tensor is the live one.</summary>
    public (string Name, Tensor Tensor) State => (name, _tensor);

    /// <summary>A copy; what is set replaces all.</summary>
    public double[] Values
    {
        get => _tensor.data<double>().ToArray();
        set
        {
            using var noGrad = no_grad();
            using var given = tensor(value);
            _tensor.copy_(given);
        }
    }
}
