{{-- resources/views/partials/support.blade.php: @include('partials.support') in your layout. --}}
@php
    $supportUser = auth()->check() ? [
        'email' => auth()->user()->email,
        'name' => auth()->user()->name,
@assertion-php@
    ] : null;
@endphp
<script>
    window.authUser = {!! json_encode($supportUser, JSON_INVALID_UTF8_SUBSTITUTE |
        JSON_HEX_TAG | JSON_HEX_AMP | JSON_HEX_APOS | JSON_HEX_QUOT) !!};

    // Back, after a sign-out: who is there now?
    addEventListener('pageshow', function (event) {
        var entry = performance.getEntriesByType('navigation')[0];
        if (window.authUser && (event.persisted || (entry && entry.type === 'back_forward')))
            location.reload();
    });
</script>
<script async src="@script@"
        integrity="@integrity@"
        crossorigin="anonymous" data-tenant="@tenant@"></script>

{{-- A form, so that it works before usher.js is there, and where it cannot be loaded. --}}
@if ($supportUser && $supportUser['email'])
    <form method="post" action="@action@"
          target="_blank" rel="noopener" accept-charset="UTF-8" autocomplete="off">
        <input type="hidden" name="email" value="{{ $supportUser['email'] }}">
        <input type="hidden" name="name" value="{{ $supportUser['name'] }}">
@assertion-blade@
        <button data-usher="form">Contact support</button>
    </form>
@elseif ($supportUser)
    <p>To contact support, add an e-mail address to your account.</p>
@else
    <a href="{{ Route::has('login') ? route('login') : url('/') }}">Contact support</a>
@endif
