using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Routing;

/// <summary>The rule by which tokens find experts, and what is predicted with it.</summary>
public sealed class TokenRoutesTests
{
    const int Gpus = 4, Experts = 6;

    /// <summary>Experts 1 and 4 have copies, expert 2 three of them.</summary>
    static readonly PlacedLayer Layer = new(0, Experts, [[0, 1, 2], [1, 4, 2], [2, 3, 4], [5]]);

    [Fact]
    public void ACopyAtHomeComesFirst()
    {
        var routes = new TokenRoutes(Layer);
        for (var home = 0; home < Gpus; home++)
            foreach (var expert in Layer.Devices[home])
                Assert.All(Enumerable.Range(0, 12), turn => Assert.Equal(home, routes.DeviceOf(expert, home, turn)));
    }

    [Fact]
    public void EveryCopyGetsEquallyMuchOfTheRequests()
    {
        var routes = new TokenRoutes(Layer);
        for (var expert = 0; expert < Experts; expert++)
        {
            // Homes in turn, and for each home as many turns as make any number of copies come out even.
            var devices = Enumerable.Range(0, Gpus * 6).Select(request => routes.DeviceOf(expert, TokenRoutes.HomeOf(request, Gpus), TokenRoutes.TurnOf(request, Gpus))).CountBy(device => device).ToDictionary();
            Assert.Equal(Layer.Homes()[expert].Order(), devices.Keys.Order());
            Assert.Single(devices.Values.Distinct());
        }
    }

    [Fact]
    public void ATokenIsCountedOnceForEachOtherDevice()
    {
        var trace = Trace();
        var plan = new PlacementPlan(PlacementPlan.CurrentFormat, "test", new("", "", "", "", 0, ""), [.. Enumerable.Repeat(new PlacedDevice("", 0, 0), Gpus)], [Layer]);
        var found = TokenTraffic.Predict(plan, trace).Single();

        var expected = new long[Gpus, Gpus];
        for (var token = 0; token < trace.Tokens; token++)
        {
            var (home, turn) = ((int)(trace.Requests[token] % Gpus), trace.Requests[token] / Gpus);
            var visited = trace.Ids(0, token).ToArray().Where(expert => expert >= 0)
                .Select(expert => Layer.Devices[home].Contains(expert) ? home : Layer.Homes()[expert][(int)(turn % Layer.Homes()[expert].Count)]).ToHashSet();
            foreach (var device in visited.Where(device => device != home))
                expected[home, device]++;
        }
        Assert.Equal(0, found.Layer);
        Assert.Equal(expected, found.Tokens);
        Assert.True(found.Total > 0);
    }

    [Fact]
    public void WhatThePlannerMeasuresIsTheMeanOfWhatServingSends()
    {
        // Each token of the trace as a request of every home, with the turn that the planner gives it.
        var trace = Trace();
        int[] all = [.. Enumerable.Range(0, trace.Tokens)];
        var measured = new PlanEvaluator(Some.Problem(trace, Some.Cluster(2, 2)), trace, all).Measure([Layer]).HomeCopies;
        var requests = new RoutingTrace(trace.Header, all.SelectMany(token => Enumerable.Range(0, Gpus).Select(home =>
            new RoutingTraceFrame((token * Gpus) + home, RoutingPhase.Decode, 1, [trace.Ids(0, token).ToArray()], [ReadOnlyMemory<float>.Empty]))));
        var plan = new PlacementPlan(PlacementPlan.CurrentFormat, "test", new("", "", "", "", 0, ""), [.. Enumerable.Repeat(new PlacedDevice("", 0, 0), Gpus)], [Layer]);
        Assert.Equal(TokenTraffic.Predict(plan, requests).Single().Total / (double)requests.Tokens, measured, 1e-9);
    }

    [Fact]
    public void AnotherModelsTraceIsRefused()
    {
        var plan = new PlacementPlan(PlacementPlan.CurrentFormat, "test", new("", "", "", "", 0, ""), [.. Enumerable.Repeat(new PlacedDevice("", 0, 0), Gpus)], [Layer]);
        Assert.Contains("the model has 2 routed layers", Assert.Throws<UserError>(() => TokenTraffic.Predict(plan, Some.Trace(2, Experts, 2, 5, 1))).Message);
    }

    /// <summary>Requests of several tokens; now and then a slot without an expert.</summary>
    static RoutingTrace Trace()
    {
        var trace = Some.Trace(1, Experts, 3, 200, 5);
        return new RoutingTrace(trace.Header, Enumerable.Range(0, 50).Select(request =>
            new RoutingTraceFrame(request, RoutingPhase.Prefill, 4, [trace.Ids(0).Slice(request * 12, 12).ToArray().Select((id, i) => i % 5 == 4 ? -1 : id).ToArray()], [ReadOnlyMemory<float>.Empty])));
    }
}
