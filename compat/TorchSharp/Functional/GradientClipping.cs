using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>Gradients and parameters as a whole.</summary>
        public static class utils
        {
            /// <summary>Scales the gradients so that their common norm is at most <paramref name="max_norm"/>; returns the norm before.</summary>
            public static double clip_grad_norm_(IEnumerable<Parameter> tensors, double max_norm, double norm_type = 2)
            {
                using var noGrad = no_grad();
                using var scope = NewDisposeScope();
                var gradients = tensors.Select(p => p.grad).OfType<Tensor>().ToArray();
                if (gradients.Length == 0)
                    return 0;
                var total = double.IsPositiveInfinity(norm_type)
                    ? stack(gradients.Select(g => g.abs().max())).max()
                    : stack(gradients.Select(g => g.norm((float)norm_type))).norm((float)norm_type);
                var norm = total.ToDouble();
                var scale = max_norm / (norm + 1e-6);
                if (scale < 1)
                {
                    foreach (var gradient in gradients)
                        gradient.mul_(scale);
                }
                return norm;
            }

            public static void clip_grad_value_(IEnumerable<Parameter> tensors, double clip_value)
            {
                using var noGrad = no_grad();
                foreach (var parameter in tensors)
                {
                    using var gradient = parameter.grad;
                    gradient?.clamp_(-clip_value, clip_value);
                }
            }
        }
    }
}
