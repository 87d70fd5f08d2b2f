using System.Globalization;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;

namespace OnnxMoe.Trainer.Training;

/// <summary>Measures a trained model with each number of active experts that callers may choose: what the manifest offers them.</summary>
internal static class ActiveExpertsEvaluation
{
    /// <summary>The routing trace of the validation text with that number.</summary>
    public static string TraceName(int k) => $"trace-k{k}.bin";

    /// <param name="model">The trained model.</param>
    /// <param name="evaluator">Of the validation text.</param>
    /// <param name="length">Tokens of a window, of which FLOPs are the mean.</param>
    /// <param name="traceFile">The path for a trace of the given name.</param>
    /// <param name="log">Takes a line for each number.</param>
    /// <returns>Null for a model whose number is fixed.</returns>
    public static ActiveExperts? Run(DecoderLm model, Evaluator evaluator, int length, Func<string, string> traceFile, TextWriter log)
    {
        var offered = model.Options.Router.ActiveExperts.Offered;
        if (offered.Length == 0 || !model.RoutedLayers.Any())
            return null;
        var measured = new List<ActiveExpertsQuality>();
        foreach (var k in offered)
        {
            Evaluation evaluation;
            using (var trace = new RoutingTraceWriter(traceFile(TraceName(k)), new RoutingTraceHeader([.. model.RoutedLayers.Select(layer => new TracedLayer(layer.Number, layer.Router.Experts, k) { Iteration = layer.Iteration })])))
                evaluation = evaluator.Run(trace, new EvaluationHooks { ActiveExperts = k });
            var cost = new CostContext((length + 1) / 2.0) { ActiveExperts = model.RoutedLayers.ToDictionary(layer => layer.Site, _ => (double)k) };
            measured.Add(new ActiveExpertsQuality(k, evaluation.Loss, ModelCost.Flops(model, cost).Sum(part => part.Flops)));
            log.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"With {k} active experts: validation loss {evaluation.Loss:F4} nats a token, {measured[^1].FlopsPerToken / 1e6:F3} million FLOPs a token."));
        }
        return new ActiveExperts(offered[0], offered[^1], model.Options.ExpertsPerToken, measured);
    }
}
