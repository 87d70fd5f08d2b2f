using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Serving.Observability;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Generation;

/// <summary>
/// Serves many sequences with one session: a fixed number of slots, and a bounded queue. An <see cref="IStepOrder"/> says who steps next, new
/// sequences join in between. On one device each step runs alone; on several the steps of a round run together, so that all devices work. Their
/// tensors are not merged either way (only the rows that experts work on, one by one), so what a sequence computes never depends on its neighbours.
/// </summary>
public sealed class Scheduler : IGenerationEngine, IDisposable
{
    private readonly LanguageModelSession _session;
    private readonly ITokenizer _tokenizer;
    private readonly SchedulerOptions _options;
    private readonly EngineMetrics _metrics;
    private readonly RoutingRecorder _recorder;
    private readonly IStepOrder _order;
    private readonly ILogger _log;
    private readonly Thread _worker;
    private readonly object _gate = new();
    private readonly LinkedList<Sequence> _waiting = []; // guarded by _gate
    private readonly Queue<Sequence> _arrived = []; // guarded by _gate: those of _waiting that the order does not know
    private readonly Queue<Sequence> _dropped = []; // guarded by _gate: gone from _waiting, for the worker to clean up
    private readonly List<Sequence> _running = []; // changed by the worker under _gate
    private long _requests;
    private bool _stopped; // guarded by _gate

    /// <summary>Starts the worker. The session stays the caller's, and is the scheduler's alone to use until it is disposed.</summary>
    internal Scheduler(LanguageModelSession session, ITokenizer tokenizer, SchedulerOptions options, EngineMetrics metrics, RoutingRecorder recorder, IStepOrder order, ILogger log)
    {
        (_session, _tokenizer, _options, _metrics, _recorder, _order, _log) = (session, tokenizer, options, metrics, recorder, order, log);
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
                _waiting.AddLast(sequence);
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
            foreach (var sequence in _waiting.Where(sequence => sequence.IsCancelled).ToArray())
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
            _metrics.SetCacheBytes(_running.Sum(sequence => (long)sequence.CachedTokens) * _session.CacheBytesPerToken);
        }
        FailRest();
    }

    private void FailRest()
    {
        lock (_gate)
        {
            foreach (var sequence in _running.Concat(_waiting))
                sequence.Fail(new EngineBusyException("The server was shut down before the answer was complete.", stopping: true));
            foreach (var sequence in _running.Concat(_waiting).Concat(_dropped))
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
            while (_running.Count < _options.Slots && _waiting.First?.Value is { } sequence && !_arrived.Contains(sequence))
            {
                if (sequence.IsCancelled)
                {
                    Drop(sequence); // its notice is on the way, and the order may never have heard of it
                    continue;
                }
                _waiting.RemoveFirst();
                sequence.ActiveExperts = _options.ActiveExpertsOf(sequence.Request, _waiting.Count);
                _metrics.Started(sequence.ActiveExperts);
                _running.Add(sequence);
                _order.Started(sequence);
            }
            _metrics.SetLoad(_running.Count, _waiting.Count);
        }
    }

    /// <summary>What runs together: one step, or of a session that computes several at once as many as have no more tokens than the context.</summary>
    private IEnumerable<IReadOnlyList<Sequence>> Batches(IReadOnlyList<Sequence> sequences)
    {
        var (batch, tokens) = (new List<Sequence>(), 0);
        foreach (var sequence in sequences)
        {
            if (batch.Count > 0 && (!_session.StepsTogether || tokens + sequence.NextTokens > _session.Sizes.ContextLength))
            {
                yield return batch;
                (batch, tokens) = ([], 0);
            }
            batch.Add(sequence);
            tokens += sequence.NextTokens;
        }
        if (batch.Count > 0)
            yield return batch;
    }

    /// <summary>One step of each of some sequences; those that have ended lose their slots.</summary>
    private void Step(IReadOnlyList<Sequence> batch)
    {
        var taken = new List<(Sequence Sequence, bool Prefill, ModelStep Step)>();
        foreach (var sequence in batch.Where(sequence => !sequence.IsCancelled))
            Guard(sequence, () => taken.Add((sequence, sequence.IsPrefill, sequence.StepOf(_session, _recorder.Records(sequence.Id)))));
        var results = Forward([.. taken.Select(step => step.Step)]);
        var running = new HashSet<Sequence>();
        foreach (var ((sequence, prefill, step), result) in taken.Zip(results))
        {
            if (Guard(sequence, () => Take(sequence, prefill, step, result)) && sequence.Finish is null)
                running.Add(sequence);
        }
        foreach (var sequence in batch.Where(sequence => !running.Contains(sequence)))
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
            return _session.Forward(steps);
        }
        catch (Exception problem)
        {
            return [.. steps.Select(_ => new StepResult(null, problem))];
        }
    }

    private void Take(Sequence sequence, bool prefill, ModelStep step, StepResult outcome)
    {
        using (var result = outcome.Value())
        {
            _recorder.Add(sequence.Id, prefill, step.Tokens.Length, result, step.RoutingWeights);
            sequence.Take(result, step.Tokens.Length);
        }
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
