using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// A recurrent cell whose steps are the layers of a model, not the positions of a sequence: it takes each token by itself. It exists
/// once in a model and every layer's <see cref="RecurrentScoreHead"/> refers to it.
/// </summary>
public abstract class DepthCell : Layer
{
    private readonly Weight _input;
    private readonly Weight _state;
    private readonly Weight _inputBias;
    private readonly Weight _stateBias;

    /// <param name="scope">Of the model, not of a layer.</param>
    /// <param name="width">p, of input and state alike.</param>
    /// <param name="gates">Vectors of width p that the cell computes from each of the two.</param>
    /// <param name="deviation">Of the initial matrices; biases start at 0.</param>
    protected DepthCell(LayerScope scope, int width, int gates, double deviation) : base(scope)
    {
        Width = width;
        _input = scope.Normal("input", deviation, width, gates * width);
        _state = scope.Normal("state", deviation, width, gates * width);
        _inputBias = scope.Filled("input_bias", 0, gates * width);
        _stateBias = scope.Filled("state_bias", 0, gates * width);
    }

    /// <summary>p.</summary>
    public int Width { get; }

    /// <summary>How many tensors [T, p] the state is made of.</summary>
    public virtual int States => 1;

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => [new("router", 2.0 * (_input.Parameter.numel() + _state.Parameter.numel()))];

    /// <param name="input">[T, p]</param>
    /// <param name="state">[T, p] each; before the first layer zeros.</param>
    /// <returns>The next state, [T, p] each; the first is what the cell shows.</returns>
    public abstract Value[] Next(Value input, Value[] state);

    /// <summary>The input's part of every gate, [T, p] each.</summary>
    protected Value[] OfInput(Value input, int gates) => Gates(input.MatMul(_input) + _inputBias, gates);

    /// <summary>The state's part of every gate, [T, p] each.</summary>
    protected Value[] OfState(Value state, int gates) => Gates(state.MatMul(_state) + _stateBias, gates);

    private Value[] Gates(Value all, int gates) => gates == 1 ? [all] : all.Split(-1, [.. Enumerable.Repeat((long)Width, gates)]);
}
