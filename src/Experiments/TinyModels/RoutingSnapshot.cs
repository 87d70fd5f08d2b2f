using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.TinyModels;

/// <summary>What the routers of a model decided for T consecutive validation tokens, in ordinary memory.</summary>
public sealed class RoutingSnapshot
{
    private readonly List<double> _losses = [];
    private readonly List<LayerSnapshot> _layers = [];

    /// <summary>T.</summary>
    public int Tokens => _losses.Count;

    /// <summary>Cross-entropy of each token, nats [T].</summary>
    public IReadOnlyList<double> Losses => _losses;

    /// <summary>A routed layer's decisions each (of one iteration, where it has several), in the order in which the forward pass met them.</summary>
    public IReadOnlyList<LayerSnapshot> Layers => _layers;

    /// <summary>Mean entropy of the router's probabilities over tokens and layers, nats.</summary>
    public double Entropy => _layers.SelectMany(layer => layer.Probabilities).Select(row => -row.Where(p => p > 0).Sum(p => p * Math.Log(p))).DefaultIfEmpty(double.NaN).Average();

    internal void Add(EvaluatedBatch batch)
    {
        using var losses = batch.Losses.cpu();
        _losses.AddRange(losses.data<float>().ToArray().Select(loss => (double)loss));
        var routings = batch.Context.Routings;
        for (var i = 0; i < routings.Count; i++)
        {
            if (i == _layers.Count)
                _layers.Add(new LayerSnapshot(routings[i].Layer.Number));
            var routing = routings[i].Routing;
            _layers[i].Add(((TorchValue)routing.Indices).Integers, Floats(routing.Weights), routing.Probabilities is { } p ? Floats(p) : [], batch.Batch.Inputs.Length);
        }
    }

    private static float[] Floats(Value value) => ((TorchValue)value).ToHost().AsSpan<float>().ToArray();
}
