using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>Measures a language model on consecutive windows of held-out text.</summary>
public sealed class Evaluator(DecoderLm model, TokenStream data, int batchSize, int length, int tokens, Device? device)
{
    private readonly TorchOps _ops = new(training: false, device);

    /// <param name="trace">Takes the routing of every token, a request for each window; may be null.</param>
    /// <param name="hooks">What to change or to watch; null: nothing.</param>
    public Evaluation Run(RoutingTraceWriter? trace = null, EvaluationHooks? hooks = null)
    {
        using var noGrad = no_grad();
        var load = model.RoutedLayers.Select(layer => new long[layer.Router.Experts]).ToArray();
        double sum = 0;
        long count = 0;
        foreach (var window in data.Windows(batchSize, length, Math.Max(1, tokens / length)))
        {
            using var scope = NewDisposeScope();
            var batch = hooks?.Inputs?.Invoke(window, count / length) ?? window;
            var context = new ForwardContext(_ops) { Intervention = hooks?.Intervention };
            var losses = LanguageModelLoss.PerToken(model, batch, context);
            sum += losses.mean().item<float>() * (double)batch.Inputs.Length;
            Record(context, load, trace, firstRequest: count / length, batch.Rows);
            hooks?.Observe?.Invoke(new EvaluatedBatch(batch, context, losses));
            count += batch.Inputs.Length;
        }
        return new Evaluation(sum / count, load) { Tokens = count };
    }

    private void Record(ForwardContext context, long[][] load, RoutingTraceWriter? trace, long firstRequest, int size)
    {
        var ids = context.Routings.Select(r => ((TorchValue)r.Routing.Indices).Integers).ToArray();
        for (var layer = 0; layer < ids.Length; layer++)
        {
            foreach (var expert in ids[layer])
            {
                if (expert >= 0)
                    load[layer][expert]++;
            }
        }
        if (trace is null)
            return;
        var weights = context.Routings.Select(r => ((TorchValue)r.Routing.Weights).ToHost().AsSpan<float>().ToArray()).ToArray();
        for (var window = 0; window < size; window++)
        {
            ReadOnlyMemory<T> Part<T>(T[] all) => all.AsMemory(window * (all.Length / size), all.Length / size);
            trace.Append(firstRequest + window, RoutingPhase.Evaluation, length, [.. ids.Select(Part)], [.. weights.Select(Part)]);
        }
    }
}
