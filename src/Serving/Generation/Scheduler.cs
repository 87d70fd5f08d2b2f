using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Serving.Observability;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Generation;

/// <summary>
/// Serves many sequences with one session: a fixed number of slots, and a bounded queue. The running sequences take one step each
/// in turn, new ones join between the rounds. Steps are not merged into batches, so what one sequence computes never depends on
/// its neighbours, not even in the last bit.
/// </summary>
public sealed class Scheduler : IGenerationEngine, IDisposable
{
    private readonly LanguageModelSession _session;
    private readonly ITokenizer _tokenizer;
    private readonly SchedulerOptions _options;
    private readonly EngineMetrics _metrics;
    private readonly RoutingRecorder _recorder;
    private readonly ILogger _log;
    private readonly Thread _worker;
    private readonly object _gate = new();
    private readonly LinkedList<Entry> _waiting = []; // guarded by _gate
    private readonly List<Entry> _running = []; // changed by the worker under _gate
    private long _requests;
    private bool _stopped; // guarded by _gate

    /// <summary>Starts the worker. The session stays the caller's, and is the scheduler's alone to use until it is disposed.</summary>
    public Scheduler(LanguageModelSession session, ITokenizer tokenizer, SchedulerOptions options, EngineMetrics metrics, RoutingRecorder recorder, ILogger log)
    {
        (_session, _tokenizer, _options, _metrics, _recorder, _log) = (session, tokenizer, options, metrics, recorder, log);
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
                _waiting.AddLast(new Entry(sequence, channel.Writer));
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
            for (var node = _waiting.First; node is not null;)
            {
                var next = node.Next;
                if (node.Value.Sequence.IsCancelled)
                {
                    _waiting.Remove(node);
                    node.Value.Sequence.Dispose();
                }
                node = next;
            }
            _metrics.SetLoad(_running.Count, _waiting.Count);
        }
    }

    private void Work()
    {
        while (WaitForWork())
            foreach (var entry in _running.ToArray())
            {
                var done = entry.Sequence.IsCancelled || !Step(entry);
                if (!done)
                    continue;
                lock (_gate)
                {
                    _running.Remove(entry);
                    _metrics.SetLoad(_running.Count, _waiting.Count);
                }
                entry.Sequence.Dispose();
            }
        FailRest();
    }

    private void FailRest()
    {
        lock (_gate)
        {
            foreach (var entry in _running.Concat(_waiting))
            {
                entry.Output.TryComplete(new EngineBusyException("The server was shut down before the answer was complete.", stopping: true));
                entry.Sequence.Dispose();
            }
            _running.Clear();
            _waiting.Clear();
        }
    }

    /// <summary>Fills free slots from the queue, and sleeps while there is nothing to do. False when the scheduler is to stop.</summary>
    private bool WaitForWork()
    {
        lock (_gate)
        {
            while (_running.Count + _waiting.Count == 0 && !_stopped)
                Monitor.Wait(_gate);
            while (_running.Count < _options.Slots && _waiting.First is { } first)
            {
                _waiting.RemoveFirst();
                first.Value.Sequence.ActiveExperts = _options.ActiveExpertsOf(first.Value.Sequence.Request, _waiting.Count);
                _metrics.Started(first.Value.Sequence.ActiveExperts);
                _running.Add(first.Value);
            }
            _metrics.SetLoad(_running.Count, _waiting.Count);
            return !_stopped;
        }
    }

    /// <summary>One step of one sequence. False when it has ended.</summary>
    private bool Step(Entry entry)
    {
        var sequence = entry.Sequence;
        try
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
            return sequence.Finish is null;
        }
        catch (Exception problem)
        {
            EngineLog.StepFailed(_log, problem, sequence.Id);
            entry.Output.TryComplete(problem);
            return false;
        }
    }

    private sealed record Entry(Sequence Sequence, ChannelWriter<GenerationEvent> Output);
}
