using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Serving.Observability;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Generation;

/// <summary>
/// Serves many sequences with one session: a fixed number of slots, and a bounded queue. An <see cref="IStepOrder"/> says who steps next, new
/// sequences join in between. Steps are not merged into batches, so what one sequence computes never depends on its neighbours, not even
/// in the last bit.
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
            foreach (var sequence in _order.Next(_running))
            {
                if (!sequence.IsCancelled && Step(sequence))
                    continue;
                lock (_gate)
                {
                    _running.Remove(sequence);
                    _metrics.SetLoad(_running.Count, _waiting.Count);
                }
                CleanUp(sequence);
            }
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

    /// <summary>One step of one sequence. False when it has ended.</summary>
    private bool Step(Sequence sequence) => Guard(sequence, () =>
    {
        var prefill = sequence.IsPrefill;
        var columns = prefill ? sequence.Request.Prompt.Count : 1;
        var traced = _recorder.Records(sequence.Id);
        using (var result = sequence.Forward(_session, traced))
        {
            _recorder.Add(sequence.Id, prefill, columns, result, traced);
            sequence.Take(result, columns);
        }
        _metrics.Stepped(sequence, prefill);
        if (sequence.Finish is null)
            _order.Stepped(sequence);
    }) && sequence.Finish is null;

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
