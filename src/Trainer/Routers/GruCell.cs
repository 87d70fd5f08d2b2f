using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// The gated recurrent unit (Cho et al. 2014) as torch has it: r and z are sigmoids, n = tanh(input part + r * state part),
/// h' = (1 - z) n + z h. Gates in the order r, z, n.
/// </summary>
public sealed class GruCell(LayerScope scope, int width, double deviation) : DepthCell(scope, width, 3, deviation)
{
    public override Value[] Next(Value input, Value[] state)
    {
        var (a, h) = (OfInput(input, 3), OfState(state[0], 3));
        var r = (a[0] + h[0]).Sigmoid();
        var z = (a[1] + h[1]).Sigmoid();
        var n = (a[2] + r * h[2]).Tanh();
        return [(1 - z) * n + z * state[0]];
    }
}
