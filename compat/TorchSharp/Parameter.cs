namespace TorchSharp.Modules;

/// <summary>A leaf tensor to be trained. It takes over the native tensor of the one it is made from, which becomes invalid.</summary>
public class Parameter : torch.Tensor
{
    public Parameter(torch.Tensor data, bool requires_grad = true) : base(data.with_requires_grad(requires_grad).TakeHandle(), false) =>
        DisposeScope.Replace(data, this);
}
