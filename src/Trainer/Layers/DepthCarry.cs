using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>Named tensors that one forward pass hands from layer to layer: recurrent router states, earlier scores, momentum.</summary>
public sealed class DepthCarry
{
    private readonly Dictionary<string, Value> _values = [];

    /// <summary>What an earlier layer left under this name; null before the first.</summary>
    public Value? Find(string name) => _values.GetValueOrDefault(name);

    public void Set(string name, Value value) => _values[name] = value;
}
