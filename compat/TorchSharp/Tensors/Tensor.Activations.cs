using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Activation functions.</summary>
    public partial class Tensor
    {
        public Tensor threshold(Scalar threshold, Scalar value) => Aten.Call("threshold", this, threshold, value);

        public Tensor threshold_(Scalar threshold, Scalar value) => Aten.InPlace("threshold_", this, threshold, value);

        public Tensor softmax(long dim, ScalarType? dtype = null) => Aten.Call("softmax.int", this, dim, dtype);

        public Tensor softplus(double beta = 1, double threshold = 20) => Aten.Call("softplus", this, beta, threshold);

        public Tensor relu() => Aten.Call("relu", this);

        public Tensor relu_() => Aten.InPlace("relu_", this);

        public Tensor relu6() => Aten.Call("relu6", this);

        public Tensor relu6_() => Aten.InPlace("relu6_", this);

        public Tensor rrelu(double lower = 0.125, double upper = 1.0 / 3) => Aten.Call("rrelu", this, lower, upper);

        public Tensor rrelu_(double lower = 0.125, double upper = 1.0 / 3) => Aten.InPlace("rrelu_", this, lower, upper);

        public Tensor celu() => Aten.Call("celu", this);

        public Tensor celu_() => Aten.InPlace("celu_", this);

        public Tensor celu(Scalar alpha) => Aten.Call("celu", this, alpha);

        public Tensor celu_(Scalar alpha) => Aten.InPlace("celu_", this, alpha);

        public Tensor elu(double alpha = 1) => Aten.Call("elu", this, alpha);

        public Tensor elu_(double alpha = 1) => Aten.InPlace("elu_", this, alpha);

        public Tensor elu(Scalar alpha, Scalar scale, Scalar input_scale) => Aten.Call("elu", this, alpha, scale, input_scale);

        public Tensor elu_(Scalar alpha, Scalar scale, Scalar input_scale) => Aten.InPlace("elu_", this, alpha, scale, input_scale);

        public Tensor gelu() => Aten.Call("gelu", this);

        public Tensor gelu_() => Aten.InPlace("gelu_", this);

        public Tensor glu(long dim = -1) => Aten.Call("glu", this, dim);

        public Tensor hardsigmoid() => Aten.Call("hardsigmoid", this);

        public Tensor hardsigmoid_() => Aten.InPlace("hardsigmoid_", this);

        public Tensor hardswish() => Aten.Call("hardswish", this);

        public Tensor hardswish_() => Aten.InPlace("hardswish_", this);

        public Tensor leaky_relu(Scalar negative_slope) => Aten.Call("leaky_relu", this, negative_slope);

        public Tensor leaky_relu_(Scalar negative_slope) => Aten.InPlace("leaky_relu_", this, negative_slope);

        public Tensor selu() => Aten.Call("selu", this);

        public Tensor selu_() => Aten.InPlace("selu_", this);

        public Tensor silu() => Aten.Call("silu", this);

        public Tensor silu_() => Aten.InPlace("silu_", this);

        public Tensor log_sigmoid() => Aten.Call("log_sigmoid", this);

        public Tensor prelu(Tensor target) => Aten.Call("prelu", this, target);

        public Tensor sigmoid() => Aten.Call("sigmoid", this);

        public Tensor sigmoid_() => Aten.InPlace("sigmoid_", this);

        public Tensor log_softmax(long dim, ScalarType? dtype = null) => Aten.Call("log_softmax.int", this, dim, dtype);
    }
}
