using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Gradients.</summary>
    public partial class Tensor
    {
        public bool requires_grad
        {
            get => Bridge.onnxmoe_torch_requires_grad(Handle) != 0;
            set => Bridge.Check(Bridge.onnxmoe_torch_set_requires_grad(Handle, value ? 1 : 0));
        }

        public bool is_leaf => Bridge.onnxmoe_torch_is_leaf(Handle) != 0;

        public Tensor? grad
        {
            get
            {
                var gradient = Bridge.onnxmoe_torch_grad(Handle);
                return gradient == 0 ? null : new Tensor(gradient);
            }
            set => Bridge.Check(Bridge.onnxmoe_torch_set_grad(Handle, value?.Handle ?? 0));
        }

        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        public Tensor with_requires_grad(bool requires_grad = true) => requires_grad_(requires_grad);

        public void retain_grad() => Bridge.Check(Bridge.onnxmoe_torch_retain_grad(Handle));

        public void backward() => autograd.backward(this, (IList<Tensor>?)null);

        public void backward(IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor>? inputs = null) =>
            autograd.backward(this, grad_tensors, retain_graph, create_graph, inputs);

        public Tensor detach() => Aten.Call("detach", this);

        public Tensor detach_() => Aten.InPlace("detach_", this);
    }
}
