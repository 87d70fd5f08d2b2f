using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Serving.Observability;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Generation;

/// <summary>
/// Serves many sequences with one model: a fixed number of slots, and a bounded queue in which clients take turns. An <see cref="IStepOrder"/> says who
/// steps next; sequences join and leave between steps (Yu et al. 2022). Where the model takes steps together they run together, those that generate
/// first, and long prompts in pieces beside them (Agrawal et al. 2023); what a sequence computes never depends on its neighbours. When the cache is full,
/// the sequence that came last gives its slot up and is computed once more later.
/// </summary>
public sealed class Scheduler : IGenerationEngine, IDisposable
{
    private readonly CausalModel _model;
    private readonly ITokenizer _tokenizer;
    private readonly SchedulerOptions _options;
    private readonly EngineMetrics _metrics;
    private readonly RoutingRecorder _recorder;
    private readonly IStepOrder _order;
    private readonly ILogger _log;
    private readonly Thread _worker;
    private readonly object _gate = new();
    private readonly FairQueue _waiting = new(); // guarded by _gate
    private readonly Queue<Sequence> _arrived = []; // guarded by _gate: those of _waiting that the order does not know
    private readonly Queue<Sequence> _dropped = []; // guarded by _gate: gone from _waiting, for the worker to clean up
    private readonly List<Sequence> _running = []; // changed by the worker under _gate
    private long _requests;
    private bool _stopped; // guarded by _gate

    /// <summary>Starts the worker. The model stays the caller's, and is the scheduler's alone to use until it is disposed.</summary>
    internal Scheduler(CausalModel model, ITokenizer tokenizer, SchedulerOptions options, EngineMetrics metrics, RoutingRecorder recorder, IStepOrder order, ILogger log)
    {
        (_model, _tokenizer, _options, _metrics, _recorder, _order, _log) = (model, tokenizer, options, metrics, recorder, order, log);
        _worker = new Thread(Work) { Name = "onnxmoe scheduler", IsBackground = true };
        _worker.Start();
    }

    /// <inheritdoc/>
    public int Running
    {
        get
        {
            lock (_gate)
                return _running.Count;
        }
    }

    /// <inheritdoc/>
    public int Waiting
    {
        get
        {
            lock (_gate)
                return _waiting.Count;
        }
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<GenerationEvent> Generate(IReadOnlyList<GenerationRequest> requests, CancellationToken cancellation)
    {
        // Refusals are thrown here, before the caller has begun an answer; the slots are freed when the enumeration ends.
        var leave = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            return Read(Submit(requests, leave.Token), leave, requests.Count);
        }
        catch
        {
            leave.Dispose();
            throw;
        }
    }

    /// <summary>Stops at the end of the current step; sequences that are not done fail.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopped = true;
            Monitor.PulseAll(_gate);
        }
        _worker.Join();
    }

    private async IAsyncEnumerable<GenerationEvent> Read(ChannelReader<GenerationEvent> events, CancellationTokenSource leave, int sequences)
    {
        try
        {
            while (sequences > 0 && await events.WaitToReadAsync(leave.Token))
                while (events.TryRead(out var next))
                {
                    if (next.Finish is not null)
                        sequences--;
                    yield return next;
                }
        }
        finally
        {
            await leave.CancelAsync();
            leave.Dispose();
        }
    }

    private ChannelReader<GenerationEvent> Submit(IReadOnlyList<GenerationRequest> requests, CancellationToken cancellation)
    {
        if (requests.FirstOrDefault(request => request.Prompt.Count + request.MaxTokens > _model.MostTokens) is { } tooLong)
            throw new UserError($"The prompt has {tooLong.Prompt.Count} tokens and up to {tooLong.MaxTokens} are to be generated, but this server can hold {_model.MostTokens} of one sequence; ask for fewer.");
        if (requests.Count > _options.Slots + _options.QueueLimit)
            throw new UserError($"The request asks for {requests.Count} answers, but this server takes at most {_options.Slots + _options.QueueLimit} at a time; ask for fewer at once.");
        var channel = Channel.CreateUnbounded<GenerationEvent>(new() { SingleReader = true });
        var id = Interlocked.Increment(ref _requests);
        lock (_gate)
        {
            if (_stopped)
                throw new EngineBusyException("The server is shutting down and takes no further requests.", stopping: true);
            var free = _options.Slots - _running.Count - _waiting.Count + _options.QueueLimit;
            if (requests.Count > free)
                throw new EngineBusyException($"The queue is full: {_running.Count} sequences run and {_waiting.Count} wait; try again later.", stopping: false);
            for (var i = 0; i < requests.Count; i++)
            {
                var sequence = new Sequence(id, i, requests[i], _tokenizer, channel.Writer, cancellation);
                _waiting.Add(sequence);
                _arrived.Enqueue(sequence);
            }
            _metrics.SetLoad(_running.Count, _waiting.Count);
            Monitor.PulseAll(_gate);
        }
        // A sequence that is cancelled while it waits makes room at once; the worker notices a running one at its next step.
        cancellation.Register(DropCancelled);
        return channel.Reader;
    }

    private void DropCancelled()
    {
        lock (_gate)
        {
            foreach (var sequence in _waiting.All.Where(sequence => sequence.IsCancelled).ToArray())
                Drop(sequence);
            _metrics.SetLoad(_running.Count, _waiting.Count);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Takes a sequence out of the queue; the worker, which may be about to use it, cleans up.</summary>
    private void Drop(Sequence sequence)
    {
        if (_waiting.Remove(sequence))
            _dropped.Enqueue(sequence);
    }

    private void Work()
    {
        while (WaitForWork())
        {
            Announce();
            FillSlots();
            foreach (var batch in Batches(_order.Next(_running)))
                Step(batch);
            _metrics.SetCache(_model, _running.Sum(sequence => (long)sequence.CachedTokens));
        }
        FailRest();
    }

    private void FailRest()
    {
        lock (_gate)
        {
            foreach (var sequence in _running.Concat(_waiting.All))
                sequence.Fail(new EngineBusyException("The server was shut down before the answer was complete.", stopping: true));
            foreach (var sequence in _running.Concat(_waiting.All).Concat(_dropped))
                CleanUp(sequence);
            _running.Clear();
            _waiting.Clear();
            _dropped.Clear();
        }
    }

    /// <summary>Sleeps while there is nothing to do. False when the scheduler is to stop.</summary>
    private bool WaitForWork()
    {
        lock (_gate)
        {
            while (_running.Count + _waiting.Count + _dropped.Count == 0 && !_stopped)
                Monitor.Wait(_gate);
            while (_dropped.TryDequeue(out var sequence))
                CleanUp(sequence);
            return !_stopped;
        }
    }

    /// <summary>Tells the order who has come. That may run a model, so nobody is kept waiting at the gate meanwhile.</summary>
    private void Announce()
    {
        while (Arrival() is { } sequence)
            Guard(sequence, () => _order.Arrived(sequence));

        Sequence? Arrival()
        {
            lock (_gate)
            {
                while (_arrived.TryDequeue(out var sequence))
                    if (!sequence.IsCancelled)
                        return sequence;
                return null;
            }
        }
    }

    private void FillSlots()
    {
        lock (_gate)
        {
            while (_running.Count < _options.Slots && _waiting.First is { } sequence && !_arrived.Contains(sequence))
            {
                if (sequence.IsCancelled)
                {
                    Drop(sequence); // its notice is on the way, and the order may never have heard of it
                    continue;
                }
                sequence.ActiveExperts ??= _options.ActiveExpertsOf(sequence.Request, _waiting.Count - 1);
                if (!TryOpen(sequence))
                    break;
                _waiting.TakeFirst();
                if (sequence.Started == 0)
                    sequence.Started = TimeProvider.System.GetTimestamp();
                _metrics.Started(sequence);
                _running.Add(sequence);
                _order.Started(sequence);
            }
            _metrics.SetLoad(_running.Count, _waiting.Count);
        }
    }

    /// <summary>Gives a sequence a cache with room for its tokens. False where that would leave too little for those that run.</summary>
    private bool TryOpen(Sequence sequence)
    {
        sequence.Open(_model, _options.PrefixReuse && !_recorder.Records(sequence.Id));
        if (sequence.TryGrow(sequence.Pending) && (_running.Count == 0 || _model.HasRoomFor(_running.Count + 1)))
            return true;
        sequence.Close();
        return false;
    }

    /// <summary>What runs together, and how many tokens of each: one sequence, or as many as the model takes.</summary>
    private IEnumerable<IReadOnlyList<(Sequence Sequence, int Tokens)>> Batches(IReadOnlyList<Sequence> sequences)
    {
        var pieces = _model.TakesPromptsInPieces && !_order.WantsWholeSteps;
        var most = _model.TakesPromptsInPieces ? _options.BatchTokens : _model.Sizes.ContextLength;
        if (pieces)
        {
            most = Math.Max(most, sequences.Count(sequence => sequence.Pending == 1) + 1); // nobody is left out, however small a step is to be
            sequences = [.. sequences.OrderBy(sequence => sequence.Pending > 1)]; // stable: those that generate come first, the others as they came
        }
        var (batch, tokens) = (new List<(Sequence, int)>(), 0);
        foreach (var sequence in sequences)
        {
            if (batch.Count > 0 && (!_model.StepsTogether || tokens + (pieces ? 1 : sequence.Pending) > most))
            {
                yield return batch;
                if (pieces)
                    yield break; // the other prompts have their turn in the next round, beside those that generate
                (batch, tokens) = ([], 0);
            }
            var count = pieces ? Math.Min(sequence.Pending, most - tokens) : sequence.Pending;
            batch.Add((sequence, count));
            tokens += count;
        }
        if (batch.Count > 0)
            yield return batch;
    }

    /// <summary>Makes room for the next tokens of a sequence, if need be by taking the slots of those that came after it.</summary>
    private bool MakeRoom(Sequence sequence, int tokens)
    {
        while (!sequence.TryGrow(tokens))
        {
            var last = _running[^1];
            GiveSlotUp(last);
            _metrics.Preempted();
            if (last == sequence)
                return false;
        }
        return true;
    }

    /// <summary>A sequence loses its slot and its cache, and comes first when there is room again.</summary>
    private void GiveSlotUp(Sequence sequence)
    {
        lock (_gate)
        {
            _running.Remove(sequence);
            _waiting.Return(sequence);
            _arrived.Enqueue(sequence);
            _metrics.SetLoad(_running.Count, _waiting.Count);
        }
        _order.Left(sequence);
        sequence.Close();
    }

    /// <summary>One step of each of some sequences; those that have ended lose their slots.</summary>
    private void Step(IReadOnlyList<(Sequence Sequence, int Tokens)> batch)
    {
        var taken = new List<(Sequence Sequence, ModelStep Step)>();
        var ended = new HashSet<Sequence>();
        var there = batch.Where(step => _running.Contains(step.Sequence)).OrderBy(step => _running.IndexOf(step.Sequence)).ToArray();
        foreach (var (sequence, tokens) in there)
        {
            if (sequence.IsCancelled)
                ended.Add(sequence);
            else if (_running.Contains(sequence) && MakeRoom(sequence, tokens))
                taken.Add((sequence, sequence.StepOf(tokens, _recorder.Records(sequence.Id))));
        }
        _metrics.Running(taken.Sum(step => step.Step.Tokens.Length));
        var results = Forward([.. taken.Select(step => step.Step)]);
        foreach (var ((sequence, _), _) in taken.Zip(results).Where(step => step.Second.Problem is DeviceFailedException).Reverse())
            GiveSlotUp(sequence); // what returns last comes first
        foreach (var ((sequence, step), result) in taken.Zip(results).Where(step => step.Second.Problem is not DeviceFailedException))
        {
            if (!Guard(sequence, () => Take(sequence, step, result)) || sequence.Finish is not null)
                ended.Add(sequence);
        }
        foreach (var sequence in ended)
        {
            lock (_gate)
            {
                _running.Remove(sequence);
                _metrics.SetLoad(_running.Count, _waiting.Count);
            }
            CleanUp(sequence);
        }
    }

    private IReadOnlyList<StepResult> Forward(IReadOnlyList<ModelStep> steps)
    {
        try
        {
            return steps.Count == 0 ? [] : _model.Forward(steps);
        }
        catch (Exception problem)
        {
            return [.. steps.Select(_ => new StepResult(null, problem))];
        }
    }

    private void Take(Sequence sequence, ModelStep step, StepResult outcome)
    {
        var prefill = sequence.IsPrefill;
        bool chosen;
        using (var result = outcome.Value())
        {
            _recorder.Add(sequence.Id, prefill, step, result);
            chosen = sequence.Take(result, step.Tokens.Length);
        }
        if (!chosen)
            return;
        _metrics.Stepped(sequence, prefill);
        if (sequence.Finish is null)
            _order.Stepped(sequence);
    }

    /// <summary>Runs something for one sequence, whose failure is that sequence's alone.</summary>
    private bool Guard(Sequence sequence, Action action)
    {
        try
        {
            action();
            return true;
        }
        catch (Exception problem)
        {
            EngineLog.StepFailed(_log, problem, sequence.Id);
            sequence.Fail(problem);
            lock (_gate)
                Drop(sequence);
            return false;
        }
    }

    private void CleanUp(Sequence sequence)
    {
        _order.Left(sequence);
        sequence.Dispose();
    }
}
