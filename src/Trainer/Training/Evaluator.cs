using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>Measures a language model on consecutive windows of each domain's validation text.</summary>
/// <param name="model">The model.</param>
/// <param name="domains">Of the text.</param>
/// <param name="batchSize">Windows at a time.</param>
/// <param name="length">Tokens in a window.</param>
/// <param name="tokens">Tokens of one evaluation, in equal parts of all domains.</param>
/// <param name="device">Where the model is; null for the CPU.</param>
public sealed class Evaluator(DecoderLm model, IReadOnlyList<TextDomain> domains, int batchSize, int length, int tokens, Device? device)
{
    private readonly TorchOps _ops = new(training: false, device);

    /// <summary>Windows of each domain, at most.</summary>
    public int Windows { get; } = Math.Max(1, tokens / domains.Count / length);

    /// <param name="trace">Takes the routing of every token, a request for each window, domain after domain; may be null.</param>
    /// <param name="hooks">What to change or to watch; null: nothing.</param>
    public Evaluation Run(RoutingTraceWriter? trace = null, EvaluationHooks? hooks = null)
    {
        using var noGrad = no_grad();
        var load = model.RoutedLayers.Select(layer => new long[layer.Router.Experts]).ToArray();
        var requests = 0L;
        var losses = new List<double>();
        foreach (var domain in domains)
            losses.Add(Measure(domain.Validation, load, trace, hooks, ref requests));
        return new Evaluation(losses, load) { Tokens = requests * length };
    }

    /// <param name="requests">Windows evaluated so far, of all domains.</param>
    private double Measure(TokenStream text, long[][] load, RoutingTraceWriter? trace, EvaluationHooks? hooks, ref long requests)
    {
        double sum = 0;
        long count = 0;
        foreach (var window in text.Windows(batchSize, length, Windows))
        {
            using var scope = NewDisposeScope();
            var batch = hooks?.Inputs?.Invoke(window, requests) ?? window;
            var context = new ForwardContext(_ops)
            {
                Intervention = hooks?.Intervention,
                Watch = hooks?.Watch,
                ActiveExperts = hooks?.ActiveExperts is { } k ? _ops.Ints(k) : null,
            };
            var losses = LanguageModelLoss.PerToken(model, batch, context);
            sum += losses.mean().item<float>() * (double)batch.Inputs.Length;
            Record(context, load, trace, firstRequest: requests, batch.Rows, length);
            hooks?.Observe?.Invoke(new EvaluatedBatch(batch, context, losses));
            count += batch.Inputs.Length;
            requests += batch.Rows;
        }
        return sum / count;
    }

    /// <summary>Counts the picks of each expert, and adds a frame for each of the <paramref name="size"/> sequences to the trace.</summary>
    internal static void Record(ForwardContext context, long[][] load, RoutingTraceWriter? trace, long firstRequest, int size, int length)
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
