using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>The plain recurrent cell (Elman 1990): h' = tanh(input part + state part).</summary>
public sealed class RnnCell(LayerScope scope, int width, double deviation) : DepthCell(scope, width, 1, deviation)
{
    public override Value[] Next(Value input, Value[] state) => [(OfInput(input, 1)[0] + OfState(state[0], 1)[0]).Tanh()];
}
