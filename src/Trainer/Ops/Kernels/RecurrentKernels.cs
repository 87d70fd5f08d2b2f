using OnnxMoe.Artifacts;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>RNN, GRU and LSTM, one or two directions, with sequence lengths, in both layouts.</summary>
internal static class RecurrentKernels
{
    public static void Register(KernelTable table)
    {
        table.AddMany("RNN", c => Run(c, 1, ["Tanh"], Rnn));
        table.AddMany("GRU", c => Run(c, 3, ["Sigmoid", "Tanh"], Gru));
        table.AddMany("LSTM", c => Run(c, 4, ["Sigmoid", "Tanh", "Tanh"], Lstm));
    }

    /// <summary>One step of a cell: from gate inputs x W^T [B, gates * H] and the state to the next state.</summary>
    private delegate (Tensor H, Tensor? C) Step(Direction d, Tensor gates, Tensor h, Tensor? c);

    private static Tensor[] Run(OpCall call, int gates, string[] defaults, Step step)
    {
        var batchFirst = call.Attributes.Flag("layout");
        var x = batchFirst ? call[0].transpose(0, 1) : call[0]; // [S, B, I]
        var hidden = call.Value(2).Shape[2];
        var kind = call.Attributes.Text("direction", "forward");
        var directions = kind == "bidirectional" ? 2 : 1;
        var lengths = call.Optional(4)?.Integers;
        var hasCell = gates == 4;
        var (outputs, hs, cs) = (new List<Tensor>(), new List<Tensor>(), new List<Tensor>());
        for (var d = 0; d < directions; d++)
        {
            var direction = new Direction(call, d, gates, hidden, defaults);
            var state = new State(x, Initial(call, 5, d, batchFirst), hasCell ? Initial(call, 6, d, batchFirst) : null, hidden, hasCell, lengths);
            var (y, h, c) = state.Scan(direction, step, reverse: kind == "reverse" || d == 1);
            outputs.Add(y);
            hs.Add(h);
            if (c is not null)
                cs.Add(c);
        }
        // Y [S, directions, B, H] (batch first: [B, S, directions, H]); Y_h and Y_c [directions, B, H] (or [B, directions, H])
        var all = batchFirst ? stack(outputs, 1).permute(2, 0, 1, 3) : stack(outputs, 1);
        var last = stack(hs, batchFirst ? 1 : 0);
        return hasCell ? [all, last, stack(cs, batchFirst ? 1 : 0)] : [all, last];
    }

    private static Tensor? Initial(OpCall call, int input, int direction, bool batchFirst) =>
        call.Optional(input)?.Tensor.select(batchFirst ? 1 : 0, direction);

    private static (Tensor H, Tensor? C) Rnn(Direction d, Tensor gates, Tensor h, Tensor? c) =>
        (d.Activate(0, gates.add(d.Recur(h))), null);

    private static (Tensor H, Tensor? C) Gru(Direction d, Tensor gates, Tensor h, Tensor? c)
    {
        var (x, r) = (gates.split(d.Hidden, 1), d.Recurrence(h));
        var z = d.Activate(0, x[0].add(r(0)));
        var reset = d.Activate(0, x[1].add(r(1)));
        var candidate = d.LinearBeforeReset ? x[2].add(reset.mul(r(2))) : x[2].add(d.Recurrence(reset.mul(h))(2));
        var n = d.Activate(1, candidate);
        return (n.add(z.mul(h.sub(n))), null);
    }

    private static (Tensor H, Tensor? C) Lstm(Direction d, Tensor gates, Tensor h, Tensor? c)
    {
        var g = gates.add(d.Recur(h)).split(d.Hidden, 1); // i, o, f, c
        var input = d.Activate(0, d.Peep(g[0], 0, c!));
        var forget = d.InputForget ? input.neg().add((Scalar)1.0) : d.Activate(0, d.Peep(g[2], 2, c!));
        var cell = forget.mul(c!).add(input.mul(d.Activate(1, g[3])));
        var output = d.Activate(0, d.Peep(g[1], 1, cell));
        return (output.mul(d.Activate(2, cell)), cell);
    }

    /// <summary>Weights and activations of one direction.</summary>
    private sealed class Direction
    {
        private readonly Tensor _inputs, _recurrent;
        private readonly Tensor? _inputBias, _recurrentBias, _peepholes;
        private readonly Func<Tensor, Tensor>[] _activations;
        private readonly double? _clip;

        public Direction(OpCall call, int index, int gates, long hidden, string[] defaults)
        {
            Hidden = hidden;
            (_inputs, _recurrent) = (call[1].select(0, index).t(), call[2].select(0, index).t());
            if (call.Optional(3)?.Tensor.select(0, index) is { } bias)
                (_inputBias, _recurrentBias) = (bias.narrow(0, 0, gates * hidden), bias.narrow(0, gates * hidden, gates * hidden));
            _peepholes = gates == 4 ? call.Optional(7)?.Tensor.select(0, index) : null;
            (LinearBeforeReset, InputForget) = (call.Attributes.Flag("linear_before_reset"), call.Attributes.Flag("input_forget"));
            _clip = call.Attributes.TryGetValue("clip", out var clip) ? (float)clip : null;
            _activations = RecurrentActivations.Of(call, index, defaults);
        }

        public long Hidden { get; }

        public bool LinearBeforeReset { get; }

        public bool InputForget { get; }

        /// <summary>x W^T plus the input bias, for all steps at once: [S, B, gates * H].</summary>
        public Tensor Inputs(Tensor x) => _inputBias is null ? x.matmul(_inputs) : x.matmul(_inputs).add(_inputBias);

        public Tensor Recur(Tensor h) => _recurrentBias is null ? h.mm(_recurrent) : _recurrentBias.addmm(h, _recurrent);

        /// <summary>The recurrent part of one gate at a time.</summary>
        public Func<int, Tensor> Recurrence(Tensor h) => gate =>
        {
            var part = h.mm(_recurrent.narrow(1, gate * Hidden, Hidden));
            return _recurrentBias is null ? part : part.add(_recurrentBias.narrow(0, gate * Hidden, Hidden));
        };

        /// <summary>Adds the peephole of gate <paramref name="gate"/> (order i, o, f).</summary>
        public Tensor Peep(Tensor x, int gate, Tensor c) =>
            _peepholes is null ? x : x.add(_peepholes.narrow(0, gate * Hidden, Hidden).mul(c));

        public Tensor Activate(int which, Tensor x) =>
            _activations[which](_clip is { } bound ? x.clamp((Scalar)(-bound), (Scalar)bound) : x);
    }

    /// <summary>The walk along the sequence; a row that has ended keeps its state and gives zeros.</summary>
    private sealed class State(Tensor x, Tensor? h0, Tensor? c0, long hidden, bool hasCell, long[]? lengths)
    {
        public (Tensor Y, Tensor H, Tensor? C) Scan(Direction direction, Step step, bool reverse)
        {
            var (length, batch) = (x.shape[0], x.shape[1]);
            var gates = direction.Inputs(x);
            var h = h0 ?? zeros([batch, hidden], x.dtype, x.device);
            var c = hasCell ? c0 ?? zeros([batch, hidden], x.dtype, x.device) : null;
            var outputs = new Tensor[length];
            for (var i = 0L; i < length; i++)
            {
                // Backwards from the last step: rows that are shorter wait until the walk reaches their own last step.
                var time = reverse ? length - 1 - i : i;
                var (nextH, nextC) = step(direction, gates.select(0, time), h, c);
                var alive = Alive(time);
                h = alive is null ? nextH : where(alive, nextH, h);
                c = alive is null || c is null ? nextC : where(alive, nextC!, c);
                outputs[time] = alive is null ? h : h.mul(alive.to_type(h.dtype));
            }
            return (length == 0 ? zeros([0, batch, hidden], x.dtype, x.device) : stack(outputs, 0), h.alias(), c?.alias());
        }

        private Tensor? Alive(long time) => lengths is null || lengths.All(l => time < l)
            ? null
            : tensor(Array.ConvertAll(lengths, l => time < l), device: x.device).unsqueeze(1);
    }
}
