using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// The long short-term memory (Hochreiter and Schmidhuber 1997) as torch has it: c' = f c + i g, h' = o tanh(c'). Gates in the order
/// i, f, g, o; the state is h and c.
/// </summary>
public sealed class LstmCell(LayerScope scope, int width, double deviation) : DepthCell(scope, width, 4, deviation)
{
    public override int States => 2;

    public override Value[] Next(Value input, Value[] state)
    {
        var gates = OfInput(input, 4).Zip(OfState(state[0], 4), (a, h) => a + h).ToArray();
        var memory = gates[1].Sigmoid() * state[1] + gates[0].Sigmoid() * gates[2].Tanh();
        return [gates[3].Sigmoid() * memory.Tanh(), memory];
    }
}
